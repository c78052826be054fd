// Loaded into a process under test (`node --expose-gc --import`): on SIGUSR2 it collects garbage and tells what is left.
process.on('SIGUSR2', () => {
  const collect = (globalThis as { gc?: () => void }).gc;
  collect?.();
  // What finalisers let go is collected the second time.
  setTimeout(() => {
    collect?.();
    process.stderr.write(`memory ${JSON.stringify(process.memoryUsage())}\n`);
  }, 200);
});
