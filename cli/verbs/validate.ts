// `seedcast validate`: checks a job file and says what the job costs; no pool is asked.
import { type Verb, action, collect, examples } from '../host.js';
import { type CostFlags, printCosts } from '../jobs/costs.js';
import { readJobFile } from '../jobs/submission.js';
import { integerFrom } from '../values.js';

interface Flags extends CostFlags {
  readonly set: readonly string[];
}

export const validate: Verb = (program, host) => {
  program
    .command('validate <job.yaml>')
    .description('check a job file; print the compiled spec, bytes, memory and time of a step')
    .option('--objectives <path>', 'file or folder of objectives (repeatable)', collect, [])
    .option('--workers <n>', 'workers to estimate for', integerFrom(1, 100_000), 1)
    .option('--set <path=value>', 'replace a part of the job (repeatable)', collect, [])
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      examples(
        'seedcast validate job.yaml',
        'seedcast validate job.yaml --objectives ./objectives --workers 16 --json',
      ),
    )
    .action(
      action(host, (file: string, flags: Flags) => printCosts(host, readJobFile(file, flags.set), flags)),
    );
};
