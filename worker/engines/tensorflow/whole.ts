// Whole numbers in float32 tensors. Below 2^24 every one is exact, and so are sums, products with what keeps them there and
// divisions by powers of two; beyond, a number is two limbs, high·2^12 + low with low in [0, 2^12), exact up to 2^36. Whoever
// calls knows the bound of what it holds and takes one or the other; no operation here relies on how a device rounds.
import type { Tf, Value } from './device.js';

/** Whole numbers of this size and more are not all exact in float32. */
export const EXACT = 2 ** 24;
const LIMB = 2 ** 12;

export interface Wide {
  readonly high: Value;
  readonly low: Value;
}

/** ⌊x / 2^shift⌋, |x| < 2^24. */
export function shiftRight(tf: Tf, x: Value, shift: number): Value {
  return shift === 0 ? x : tf.floor(tf.mul(x, 2 ** -shift));
}

export function clip(tf: Tf, x: Value): Value {
  return tf.clipByValue(x, -127, 127);
}

/** ⌊n / d⌋ for whole n, |n| < 2^23, and whole d from 1 to 2^23. The quotient of a device may be off by a few roundings. */
export function floorDivide(tf: Tf, n: Value, d: Value): Value {
  const quotient = tf.floor(tf.div(n, d));
  const rest = tf.sub(n, tf.mul(quotient, d));
  const more = tf.cast(tf.greaterEqual(rest, d), 'float32');
  const less = tf.cast(tf.less(rest, 0), 'float32');
  return tf.sub(tf.add(quotient, more), less);
}

/** |x| < 2^24. */
export function widen(tf: Tf, x: Value): Wide {
  const high = tf.floor(tf.mul(x, 1 / LIMB));
  return { high, low: tf.sub(x, tf.mul(high, LIMB)) };
}

function carried(tf: Tf, high: Value, low: Value): Wide {
  const over = widen(tf, low);
  return { high: tf.add(high, over.high), low: over.low };
}

export function addWide(tf: Tf, x: Wide, y: Wide): Wide {
  return carried(tf, tf.add(x.high, y.high), tf.add(x.low, y.low));
}

/** Times a whole |y| < 2^11. */
export function multiplyWide(tf: Tf, x: Wide, y: Value): Wide {
  return carried(tf, tf.mul(x.high, y), tf.mul(x.low, y));
}

/** ⌊x / 2^shift⌋. */
export function shiftRightWide(tf: Tf, { high, low }: Wide, shift: number): Wide {
  if (shift === 0) return { high, low };
  const step = Math.min(shift, 12);
  const above = shiftRight(tf, high, step);
  const below = tf.sub(high, tf.mul(above, 2 ** step));
  const shifted = { high: above, low: shiftRight(tf, tf.add(tf.mul(below, LIMB), low), step) };
  return shiftRightWide(tf, shifted, shift - step);
}

/** min(127, max(−127, x)): what float32 rounds is far outside. */
export function clipWide(tf: Tf, { high, low }: Wide): Value {
  return clip(tf, tf.add(tf.mul(high, LIMB), low));
}
