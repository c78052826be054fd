// Values of command-line options, checked: a bad one is refused with what would be allowed.
import { InvalidArgumentError } from 'commander';
import { asSeedcastError, messageOf } from '../shared/errors.js';
import { parseDuration } from '../shared/job/duration.js';
import { parseEngineWish } from '../worker/engines/open.js';

export function integerFrom(low: number, high = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= low && value <= high) return value;
    throw new InvalidArgumentError(
      high === Number.MAX_SAFE_INTEGER
        ? `give a whole number from ${low}`
        : `give a whole number from ${low} to ${high}`,
    );
  };
}

export function realNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('give a finite number');
}

export function realFrom(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= low && value <= high) return value;
    throw new InvalidArgumentError(`give a number from ${low} to ${high}`);
  };
}

/** The text of an engine wish that can be understood. */
export function engineWish(text: string): string {
  try {
    parseEngineWish(text);
    return text;
  } catch (error) {
    throw new InvalidArgumentError(asSeedcastError(error).hint ?? messageOf(error));
  }
}

/** Milliseconds of `30s`, `10m`, `2h`. */
export function duration(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
};

/** Bytes of `512M`, `4G`, `2Gi` or a plain number. */
export function byteSize(text: string): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)\s*(k|M|G|Ki|Mi|Gi)?B?$/.exec(text) ?? [];
  const factor = UNITS[unit];
  if (digits !== undefined && factor !== undefined) return Math.round(Number(digits) * factor);
  throw new InvalidArgumentError('give bytes, such as 512M, 4G or 2Gi');
}
