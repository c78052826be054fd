// `seedcast schema`: the JSON Schema of job files.
import { jobSchemaText } from '../../shared/job/json-schema.js';
import { type Verb, action, examples } from '../host.js';

export const schema: Verb = (program, host) => {
  program
    .command('schema')
    .description('print the JSON Schema of job files')
    .addHelpText('after', examples('seedcast schema > job.schema.json'))
    .action(
      action(host, async () => {
        host.io.data(jobSchemaText().trimEnd());
        return Promise.resolve(0);
      }),
    );
};
