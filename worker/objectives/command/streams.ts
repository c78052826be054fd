// Text streams cut into lines, with a bound on how long a line may grow.
import type { Readable } from 'node:stream';

/** Answers are scalars; a longer line is a program that went astray. Characters. */
const LONGEST_LINE = 64 * 1024 * 1024;

/** Calls `take` with each line, its end removed, the last one also without an end; `tooLong` where a line was dropped. */
export function eachLine(stream: Readable, take: (line: string) => void, tooLong: () => void): void {
  let pieces: string[] = [];
  let length = 0;
  const finish = (last: string): void => {
    pieces.push(last);
    const line = pieces.join('');
    pieces = [];
    length = 0;
    take(line.endsWith('\r') ? line.slice(0, -1) : line);
  };
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    let from = 0;
    for (let end = chunk.indexOf('\n'); end >= 0; end = chunk.indexOf('\n', from)) {
      finish(chunk.slice(from, end));
      from = end + 1;
    }
    const rest = chunk.slice(from);
    if (rest === '') return;
    pieces.push(rest);
    length += rest.length;
    if (length <= LONGEST_LINE) return;
    pieces = [];
    length = 0;
    tooLong();
  });
  stream.on('end', () => {
    if (length > 0) finish('');
  });
}
