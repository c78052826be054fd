// `seedcast events`: what happened to a job.
import { EXIT } from '../../shared/errors.js';
import { type JobEvent, decodeJson, eventSchema } from '../../shared/wire/reports.js';
import { type ConnectionFlags, connectionOptions, withPool } from '../connection.js';
import { type Verb, action, examples } from '../host.js';
import { hasEnded, findJob } from '../jobs/reading.js';
import { eventJson } from '../jobs/watching.js';
import { aborted } from '../interrupts.js';

interface Flags extends ConnectionFlags {
  readonly follow?: boolean;
  readonly json?: boolean;
}

export const events: Verb = (program, host) => {
  connectionOptions(program.command('events <job>'))
    .description('show what happened to a job')
    .option('-f, --follow', 'and what happens from now on, until it ends')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', examples('seedcast events last', 'seedcast events sphere-es --follow --json'))
    .action(
      action(host, async (text: string, flags: Flags) =>
        withPool(host, flags, async (pool) => {
          const { io, interrupts } = host;
          const record = await findJob(pool, text);
          const { event: subject } = pool.names.job(record.job);
          const stream = pool.names.streams.events;
          const print = (payload: Uint8Array): JobEvent => {
            const event = decodeJson(eventSchema, payload, 'event');
            if (flags.json === true) io.json(eventJson(event));
            else
              io.data(
                `${event.time}  step ${String(event.step).padEnd(6)}  ${event.type.padEnd(17)}  ${event.message}`,
              );
            return event;
          };
          let next = 1;
          for await (const { sequence, payload } of pool.bus.streams.read(stream, subject)) {
            print(payload);
            next = sequence + 1;
          }
          if (flags.follow !== true || hasEnded(record) || pool.offline !== null) return EXIT.succeeded;
          const { signal } = interrupts;
          io.whenClosed(() => interrupts.interrupt());
          let ended = (): void => undefined;
          const result = new Promise<void>((resolve) => (ended = resolve));
          const subscription = await pool.bus.streams.follow(
            stream,
            subject,
            ({ payload }) => print(payload).type === 'result' && ended(),
            { from: next },
          );
          await Promise.race([result, aborted(signal)]);
          subscription.unsubscribe();
          return signal.aborted && !io.closed ? EXIT.interrupted : EXIT.succeeded;
        }),
      ),
    );
};
