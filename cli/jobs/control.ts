// The verbs that only say something about a job to its coordinator: pause, resume, stop, cancel, delete.
import type { ControlRequest, JobState } from '../../shared/wire/reports.js';
import { type ConnectionFlags, type Pool, connectionOptions } from '../connection.js';
import { type Host, type Verb, action, examples } from '../host.js';
import { askLeader } from './leader.js';
import { withLedPool } from './leading.js';
import { findJob, hasEnded, readJob } from './reading.js';

export interface ControlFlags extends ConnectionFlags {
  readonly json?: boolean;
  readonly acceptCode?: boolean;
}

/** Milliseconds that an effect may take to show in the job's record. */
const EFFECT = 10_000;
const LOOK = 50;

export interface ControlVerb {
  readonly name: Exclude<ControlRequest['action'], 'extend'>;
  readonly description: string;
  /** What is said when it is done. */
  readonly done: string;
  /** Whether the record shows the effect. */
  readonly shows: (state: JobState) => boolean;
  readonly acceptsCode?: boolean;
}

export function controlVerb(verb: ControlVerb): Verb {
  return (program, host) => {
    const command = connectionOptions(program.command(`${verb.name} <job>`))
      .description(verb.description)
      .option('--json', 'one JSON object');
    if (verb.acceptsCode === true)
      command.option('--accept-code', "let the workers' present code of the objective go on with the job");
    command
      .addHelpText(
        'after',
        examples(
          `seedcast ${verb.name} last`,
          ...(verb.acceptsCode === true ? [`seedcast ${verb.name} sphere-es --accept-code`] : []),
        ),
      )
      .action(
        action(host, async (text: string, flags: ControlFlags) =>
          withLedPool(host, flags, async (pool) => {
            const { job } = await findJob(pool, text);
            const request: ControlRequest = {
              job,
              action: verb.name,
              ...(flags.acceptCode === true ? { acceptCode: true } : {}),
            };
            const answer = await askLeader(pool.bus, host.clock, pool.names.service.control, request);
            const state =
              verb.name === 'delete'
                ? 'deleted'
                : await settled(host, pool, job, verb, answer['state'] as JobState);
            if (flags.json === true) host.io.json({ type: verb.name, job, state });
            else
              host.io.message(
                `${job}: ${verb.done}${state === 'deleted' || verb.shows(state) ? '' : `; it is ${state} until the step is done`}`,
              );
            return 0;
          }),
        ),
      );
  };
}

/** The state once the effect shows, or what it is when waiting is over. */
async function settled(
  host: Host,
  pool: Pool,
  job: string,
  { shows }: ControlVerb,
  first: JobState,
): Promise<JobState> {
  const deadline = host.clock.now() + EFFECT;
  let state = first;
  while (!shows(state) && host.clock.now() < deadline) {
    await new Promise<void>((resolve) => host.clock.after(LOOK, resolve));
    const record = await readJob(pool, job);
    if (record === null) break;
    ({ state } = record);
    if (hasEnded(record)) break;
  }
  return state;
}
