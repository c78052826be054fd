// Whether a subject fits a pattern: `*` stands for one token, `>` at the end for one or more.

export function matches(pattern: string, subject: string): boolean {
  if (pattern === subject) return true;
  const wanted = pattern.split('.');
  const tokens = subject.split('.');
  for (let i = 0; i < wanted.length; i++) {
    const token = wanted[i];
    if (token === '>') return i === wanted.length - 1 && tokens.length > i;
    if (i >= tokens.length || (token !== '*' && token !== tokens[i])) return false;
  }
  return wanted.length === tokens.length;
}

export function isLiteral(subject: string): boolean {
  return !/(^|\.)[*>](\.|$)/.test(subject);
}
