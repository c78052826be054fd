// The ports through which time and entropy enter. Cores take `now` as an argument and never read a clock; shells are
// given these, and the simulator gives its own. This is the one file that may touch the real ones.

/** Milliseconds, monotonic within a process; only differences mean anything. */
export interface Clock {
  now(): number;
  /** Wall-clock milliseconds since 1970, for what people read. Never used for a decision. */
  wall(): number;
  /** Calls back once after `ms`; the returned function cancels it. */
  after(ms: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

/** Random characters for identifiers (job suffixes, worker ids): never for anything a replica must reproduce. */
export type Entropy = (length: number) => string;

export const systemEntropy: Entropy = (length) => {
  const alphabet = 'abcdefghjkmnpqrstvwxyz23456789';
  const bytes = crypto.getRandomValues(new Uint8Array(length));
  return Array.from(bytes, (b) => alphabet[b % alphabet.length]).join('');
};
