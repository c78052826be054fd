// Requests to the leading coordinator. While none answers, they are tried again for ten seconds: a standby may be taking
// over. Every request may be repeated: submissions are the same by id, controls by the state they ask for.
import type { Bus } from '../../shared/bus/port.js';
import { SeedcastError } from '../../shared/errors.js';
import type { Clock } from '../../shared/ports.js';
import { encodeJson, openAnswer } from '../../shared/wire/reports.js';

/** Milliseconds of trying. */
const PATIENCE = 10_000;
const AGAIN = 250;
/** Milliseconds one request may take: describing an objective may load its data. */
const REQUEST = 20_000;

/** The body of the answer. @throws SC_NO_COORDINATOR after ten seconds, and what the leader itself refuses with. */
export async function askLeader(
  bus: Bus,
  clock: Clock,
  subject: string,
  body: object,
  patience = PATIENCE,
): Promise<Record<string, unknown>> {
  const payload = encodeJson(body);
  const deadline = clock.now() + patience;
  for (;;) {
    let answer: Uint8Array;
    try {
      answer = await bus.request(subject, payload, { timeout: REQUEST });
    } catch (thrown) {
      const absent = thrown instanceof SeedcastError && thrown.code === 'SC_NO_COORDINATOR';
      if (!absent || clock.now() + AGAIN > deadline)
        throw absent ? noCoordinator(bus, patience, thrown) : thrown;
      await new Promise<void>((resolve) => clock.after(AGAIN, resolve));
      continue;
    }
    return openAnswer(answer, 'the answer of the coordinator');
  }
}

function noCoordinator(bus: Bus, patience: number, cause: unknown): SeedcastError {
  return new SeedcastError(
    'SC_NO_COORDINATOR',
    `no coordinator answers at ${bus.server.url} after ${patience / 1000} s`,
    {
      hint: 'start one: seedcast coordinator, or seedcast up',
      cause,
    },
  );
}
