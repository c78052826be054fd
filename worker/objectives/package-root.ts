// Where the running package lies: files that are shipped beside the compiled code (bodies, the entry point) are found from
// here, in a checkout and in an installed package alike.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

let root: string | undefined;

/** The folder of the package's own package.json. */
export function packageRoot(): string {
  if (root !== undefined) return root;
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('the package’s own package.json is missing');
    folder = parent;
  }
  root = folder;
  return folder;
}
