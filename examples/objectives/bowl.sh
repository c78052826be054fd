#!/bin/sh
# A command objective in shell: the sum of (x - 3)^2 over x, with sed and awk. One line in, one line out.
while read -r line; do
  id=$(printf '%s' "$line" | sed 's/^{"id":\([0-9]*\).*/\1/')
  x=$(printf '%s' "$line" | sed 's/.*"x":\[\([^]]*\)\].*/\1/')
  value=$(printf '%s' "$x" | awk -F, '{ s = 0; for (i = 1; i <= NF; i++) s += ($i - 3) ^ 2; printf "%.17g", s }')
  printf '{"id":%s,"value":%s}\n' "$id" "$value"
done
