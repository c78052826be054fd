// Runs every compiled test file under dist/ with node's own test runner: `npm test`, or `npm test -- PATTERN...`
// for the files whose path contains one of the patterns.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const patterns = process.argv.slice(2).filter((a) => !a.startsWith('--'));
const flags = process.argv.slice(2).filter((a) => a.startsWith('--'));
const exclude = process.env.SEEDCAST_TEST_EXCLUDE?.split(',').filter(Boolean) ?? ['containers/'];
const files = readdirSync(join(root, 'dist'), { recursive: true })
  .map(String)
  .filter((f) => f.endsWith('.test.js'))
  .filter((f) =>
    patterns.length ? patterns.some((p) => f.includes(p)) : !exclude.some((e) => f.includes(e)),
  )
  .map((f) => join('dist', f))
  .sort();
if (files.length === 0) {
  console.error(`no test file matches ${patterns.join(', ') || '*'}`);
  process.exit(1);
}
const child = spawn(process.execPath, ['--test', '--test-concurrency=2', ...flags, ...files], {
  cwd: root,
  stdio: 'inherit',
});
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
