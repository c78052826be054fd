// Command lines to be copied from a message into a shell. Pure.

export function commandLine(...parts: readonly (readonly string[])[]): string {
  return parts.flat().map(quoted).join(' ');
}

/** How this command was called: npm's scripts and `npx` do not put it on PATH. */
export function invocation(env: NodeJS.ProcessEnv): string[] {
  return env.npm_execpath === undefined ? ['seedcast'] : ['npx', 'seedcast'];
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
