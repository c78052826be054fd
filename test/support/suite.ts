// Things that last for a whole `describe`: what is to be ended is ended after its last test, newest first.
import { after } from 'node:test';
import type { Lasting } from './nats.js';

export type Suite = Lasting;

/** To be called in the body of a `describe`. */
export function suite(): Suite {
  const work: (() => Promise<unknown>)[] = [];
  after(async () => {
    for (const end of work.reverse()) await end();
  });
  return { after: (end) => work.push(end) };
}
