// Command lines to be copied from a message into a shell. Pure.

export function commandLine(...parts: readonly (readonly string[])[]): string {
  return parts.flat().map(quoted).join(' ');
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
