// Text sampled from a stepper, byte by byte. All chance comes from the seed. Pure.
import { exp } from '../../../shared/arithmetic/polynomials.js';
import type { GenerationRequest } from '../../../shared/objectives/types.js';
import { Draws } from '../draws.js';
import type { Stepper } from './model.js';
import { DOCUMENT_START } from './text.js';

/**
 * Reads the start of a document and the prompt's bytes, then adds `length` bytes, never the start of another document. Bytes
 * that are not UTF-8 become U+FFFD.
 */
export function generate(
  stepper: Stepper,
  { prompt, length, temperature, top, seed, signal }: Omit<GenerationRequest, 'options'>,
): string {
  const draws = new Draws(seed, 0);
  let weights = stepper.next(DOCUMENT_START);
  for (const byte of new TextEncoder().encode(prompt)) weights = stepper.next(byte);
  const written = new Uint8Array(length);
  for (let at = 0; at < length; at++) {
    signal.throwIfAborted();
    const byte = sample(
      weights.map((weight, i) => (i === DOCUMENT_START ? Number.NEGATIVE_INFINITY : weight)),
      temperature,
      top,
      draws,
    );
    written[at] = byte;
    weights = stepper.next(byte);
  }
  return new TextDecoder().decode(written);
}

/**
 * An index i with probability proportional to e^(w_i / temperature), among the `top` greatest where given (the lower index on
 * ties). Temperature 0: the greatest.
 */
export function sample(
  logWeights: Float64Array,
  temperature: number,
  top: number | null,
  draws: Pick<Draws, 'uniform'>,
): number {
  const order = Array.from(logWeights.keys()).sort(
    (a, b) => (logWeights[b] ?? 0) - (logWeights[a] ?? 0) || a - b,
  );
  const kept = order.slice(0, temperature === 0 ? 1 : (top ?? order.length));
  const [best = 0] = kept;
  if (kept.length === 1) return best;
  const greatest = logWeights[best] ?? 0;
  const weights = kept.map((i) => exp(((logWeights[i] ?? 0) - greatest) / temperature));
  let left = draws.uniform(
    0,
    weights.reduce((sum, weight) => sum + weight, 0),
  );
  for (const [at, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return kept[at] ?? best;
  }
  return kept.at(-1) ?? best;
}
