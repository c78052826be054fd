// `seedcast pull`: the parameters of a job at a step, as a file.
import { writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import { Option } from 'commander';
import { SeedcastError, messageOf } from '../../shared/errors.js';
import { bytesText } from '../../shared/job/estimate.js';
import { writeNpy } from '../../shared/tensors/npy.js';
import { writeSafetensors } from '../../shared/tensors/safetensors.js';
import { dtypeOf } from '../../shared/tensors/stored.js';
import { type ConnectionFlags, connectionOptions, withPool } from '../connection.js';
import { type Verb, action, examples } from '../host.js';
import { findJob } from '../jobs/reading.js';
import { type Rebuilt, rebuild } from '../jobs/rebuild.js';
import { integerFrom } from '../values.js';

const FORMATS = ['safetensors', 'npy', 'json'] as const;
type Format = (typeof FORMATS)[number];

interface Flags extends ConnectionFlags {
  readonly step?: number;
  readonly out?: string;
  readonly format?: Format;
  readonly tensor?: string;
}

export const pull: Verb = (program, host) => {
  connectionOptions(program.command('pull <job>'))
    .description('write the parameters of a job to a file')
    .option('--step <n>', 'state after this many steps (default: the last)', integerFrom(0))
    .option('-o, --out <file>', 'file, or - for standard output (default: JOB and the format)')
    .addOption(
      new Option('--format <format>', 'format (default: by the name of the file, else safetensors)').choices(
        FORMATS,
      ),
    )
    .option('--tensor <name>', 'npy: which one, when there are several')
    .addHelpText(
      'after',
      examples(
        'seedcast pull last --out model.safetensors',
        'seedcast pull sphere-es --step 100 --format json --out -',
      ),
    )
    .action(
      action(host, async (text: string, flags: Flags) =>
        withPool(host, flags, async (pool) => {
          const { job } = await findJob(pool, text);
          const format = flags.format ?? formatOf(flags.out);
          const rebuilt = await rebuild(pool, job, { step: flags.step ?? null, snapshots: true });
          const bytes = encode(job, rebuilt, format, flags.tensor);
          const out = flags.out ?? `${job}.${format}`;
          if (out === '-') host.io.bytes(bytes);
          else write(out, bytes);
          host.io.message(
            `${job} step ${rebuilt.step}: ${rebuilt.tensors.size} tensor${rebuilt.tensors.size === 1 ? '' : 's'}, ${bytesText(bytes.length)} to ${out}, digest ${rebuilt.digest.slice(0, 16)}`,
          );
          return 0;
        }),
      ),
    );
};

function formatOf(out: string | undefined): Format {
  const extension = extname(out ?? '').slice(1);
  return FORMATS.find((format) => format === extension) ?? 'safetensors';
}

function encode(
  job: string,
  { tensors, step, digest, genesis }: Rebuilt,
  format: Format,
  wanted: string | undefined,
): Uint8Array {
  switch (format) {
    case 'safetensors':
      return writeSafetensors(tensors, {
        job,
        step: String(step),
        digest,
        objective: genesis.objective.name,
        options: JSON.stringify(genesis.objective.options),
      });
    case 'npy': {
      const name = wanted ?? (tensors.size === 1 ? [...tensors.keys()][0] : undefined);
      const tensor = name === undefined ? undefined : tensors.get(name);
      if (tensor === undefined) {
        throw new SeedcastError(
          'SC_USAGE',
          `${wanted === undefined ? 'npy holds one tensor' : `there is no tensor ${JSON.stringify(wanted)}`}, this job has ${[...tensors.keys()].join(', ')}`,
          { hint: 'name one with --tensor, or take --format safetensors' },
        );
      }
      return writeNpy(tensor);
    }
    case 'json': {
      const parameters = Object.fromEntries(
        [...tensors].map(([name, { shape, array }]) => [
          name,
          { shape, dtype: dtypeOf(array), values: [...array] },
        ]),
      );
      return new TextEncoder().encode(`${JSON.stringify({ job, step, digest, parameters })}\n`);
    }
  }
}

function write(file: string, bytes: Uint8Array): void {
  try {
    writeFileSync(file, bytes);
  } catch (cause) {
    throw new SeedcastError('SC_USAGE', `cannot write ${file}: ${messageOf(cause)}`, {
      cause,
      hint: 'give another --out',
    });
  }
}
