// `seedcast init`: a folder with an objective of one's own and a job for it, which run as they stand.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Option } from 'commander';
import { SeedcastError, messageOf } from '../../shared/errors.js';
import { checkIdentifier } from '../../shared/wire/subjects.js';
import { type Verb, action, examples } from '../host.js';
import { LANGUAGES, type Language, scaffold } from '../scaffold.js';
import { commandLine, elsewhere } from '../shell.js';

export const init: Verb = (program, host) => {
  program
    .command('init <name>')
    .description('make a folder with an objective of your own and a job for it')
    .addOption(
      new Option('--language <language>', 'language of the objective')
        .choices(LANGUAGES)
        .default('typescript'),
    )
    .addHelpText('after', examples('seedcast init antenna', 'seedcast init antenna --language python'))
    .action(
      action(host, async (folder: string, { language }: { readonly language: Language }) => {
        const name = checkIdentifier(basename(folder), 'the name');
        if (existsSync(folder) && readdirSync(folder).length > 0) {
          throw new SeedcastError('SC_USAGE', `${folder} exists and is not empty`, {
            hint: 'choose another name',
          });
        }
        const { files, objectives } = scaffold(name, language);
        try {
          mkdirSync(folder, { recursive: true });
          for (const [file, content] of Object.entries(files))
            writeFileSync(
              join(folder, file),
              content.replace(
                'seedcast run job.yaml --objectives OBJECTIVE',
                commandLine([
                  ...elsewhere(host.io.invocation),
                  'run',
                  'job.yaml',
                  '--objectives',
                  objectives,
                ]),
              ),
            );
        } catch (cause) {
          throw new SeedcastError('SC_USAGE', `cannot write to ${folder}: ${messageOf(cause)}`, { cause });
        }
        host.io.message(
          `made ${Object.keys(files)
            .map((file) => join(folder, file))
            .join(', ')}`,
        );
        host.io.data(
          `${commandLine(['cd', folder])} && ${commandLine([...host.io.invocation, 'run', 'job.yaml', '--objectives', objectives])}`,
        );
        return Promise.resolve(0);
      }),
    );
};
