// CSV as RFC 4180 has it: fields between commas, quoted where they hold commas, quotes (doubled) or line breaks; lines end in
// LF or CRLF; blank lines are passed over. Text in, fields with their lines out; and a table of numbers with one label a row.
import { SeedcastError } from '../../shared/errors.js';
import { nearest } from '../../shared/job/nearest.js';

export interface CsvRow {
  /** Line on which the row begins, from 1. */
  readonly line: number;
  readonly fields: readonly string[];
}

/** @throws SC_DATA_FILE with file and line for a quote that is not closed, or stands within an unquoted field. */
export function parseCsv(text: string, file: string): CsvRow[] {
  const rows: CsvRow[] = [];
  let line = 1;
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  while (at < text.length) {
    const first = line;
    const fields: string[] = [];
    for (let more = true; more;) {
      let field = '';
      if (text[at] === '"') {
        const opened = line;
        at++;
        for (;;) {
          const close = text.indexOf('"', at);
          if (close < 0) throw csvFault(file, opened, 'a quoted field is not closed', 'close it by "');
          field += text.slice(at, close);
          at = close + 1;
          if (text[at] !== '"') break;
          field += '"';
          at++;
        }
        for (const character of field) if (character === '\n') line++;
        if (at < text.length && !/[,\r\n]/.test(text[at] ?? ''))
          throw csvFault(
            file,
            line,
            `${JSON.stringify(text[at])} follows a closed quote`,
            'double a quote within a field',
          );
      } else {
        const start = at;
        while (at < text.length && !/[,\r\n]/.test(text[at] ?? '')) at++;
        field = text.slice(start, at);
        if (field.includes('"'))
          throw csvFault(file, line, 'a quote stands within an unquoted field', 'quote the whole field');
      }
      fields.push(field);
      more = text[at] === ',';
      if (more) at++;
    }
    if (text[at] === '\r') at++;
    if (text[at] === '\n') at++;
    line++;
    if (fields.length > 1 || fields[0] !== '') rows.push({ line: first, fields });
  }
  return rows;
}

export interface CsvTable {
  /** Names of the columns that are not the label; null without a header. */
  readonly columns: readonly string[] | null;
  readonly width: number;
  /** [rows, width]. */
  readonly values: Float32Array;
  readonly labels: readonly string[];
  /** Line of each row, for messages. */
  readonly lines: readonly number[];
}

/**
 * Rows of numbers and a label. The first row is a header where a field beside the label is no number, or where `label` is a
 * name. `label`: a column's name, or its index from 0 (negative: from the end).
 * @throws SC_DATA_FILE with file and line.
 */
export function readCsvTable(text: string, file: string, label: string | number): CsvTable {
  const rows = parseCsv(text, file);
  const [first] = rows;
  if (first === undefined) throw csvFault(file, 1, 'the file is empty', 'give rows of numbers and a label');
  const count = first.fields.length;
  if (count < 2)
    throw csvFault(
      file,
      first.line,
      'a row has one field',
      'separate the fields by commas, one of them the label',
    );
  const column = labelColumn(first, file, label);
  const isHeader =
    typeof label === 'string' || first.fields.some((field, i) => i !== column && numberOf(field) === null);
  const body = isHeader ? rows.slice(1) : rows;
  if (body.length === 0) throw csvFault(file, first.line, 'no row follows the header', 'give rows of data');
  const width = count - 1;
  const values = new Float32Array(body.length * width);
  const labels: string[] = [];
  body.forEach(({ line, fields }, row) => {
    if (fields.length !== count)
      throw csvFault(
        file,
        line,
        `${fields.length} fields, where the first row has ${count}`,
        'give every row as many',
      );
    let at = row * width;
    fields.forEach((field, i) => {
      if (i === column) {
        labels.push(field.trim());
        return;
      }
      const value = numberOf(field);
      if (value === null) {
        const name = isHeader ? ` (${first.fields[i]})` : '';
        throw csvFault(
          file,
          line,
          `field ${i + 1}${name} is ${JSON.stringify(field)}, not a finite number`,
          'fill in what is missing and encode categories as numbers',
        );
      }
      values[at++] = value;
    });
    if (labels[row] === '') throw csvFault(file, line, 'the label is empty', 'give every row a label');
  });
  return {
    columns: isHeader ? first.fields.filter((_, i) => i !== column) : null,
    width,
    values,
    labels,
    lines: body.map(({ line }) => line),
  };
}

function labelColumn({ line, fields }: CsvRow, file: string, label: string | number): number {
  if (typeof label === 'string') {
    const index = fields.findIndex((field) => field.trim() === label);
    if (index >= 0) return index;
    const near = nearest(label, fields);
    throw csvFault(
      file,
      line,
      `there is no column ${JSON.stringify(label)}`,
      near === null ? `the first row has ${shorten(fields)}` : `did you mean ${JSON.stringify(near)}?`,
    );
  }
  const index = label < 0 ? fields.length + label : label;
  if (index < 0 || index >= fields.length)
    throw csvFault(file, line, `there is no column ${label}`, `give 0 to ${fields.length - 1}, or a name`);
  return index;
}

function shorten(fields: readonly string[]): string {
  return fields.length <= 12
    ? fields.join(', ')
    : `${fields.slice(0, 12).join(', ')}, ... (${fields.length})`;
}

/** A finite decimal number, or null. */
function numberOf(field: string): number | null {
  const text = field.trim();
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) return null;
  const value = Math.fround(Number(text));
  return Number.isFinite(value) ? value : null;
}

export function csvFault(file: string, line: number, what: string, hint: string): SeedcastError {
  return new SeedcastError('SC_DATA_FILE', what, { place: { file, line }, hint });
}
