#!/usr/bin/env node
// The `seedcast` command: gives the program the real ports of this process and ends it with the program's exit code.
import { systemClock, systemEntropy } from '../shared/ports.js';
import { Interrupts } from './interrupts.js';
import { processIo } from './io.js';
import { runProgram } from './program.js';

const host = {
  io: processIo(),
  env: process.env,
  clock: systemClock,
  entropy: systemEntropy,
  interrupts: new Interrupts(),
  exitCode: 0,
};
// A connection that closes late, or an objective's own timer, must not keep a finished command alive.
process.exit(await runProgram(process.argv.slice(2), host));
