// The fields of a job file as rows of a table, made from its JSON Schema: what docs/jobs.md must say.

interface Node {
  readonly description?: string;
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly const?: string;
  readonly default?: string | number | boolean | null | { readonly name?: string };
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
}

const RANGE = / (Number|Integer)( [^.]*(?:\.\d[^.]*)*)\.$/;

/** [field, values, default, meaning] of every field of a job file but the options of its method, in its order. */
export function jobRows(schema: unknown): string[][] {
  return rowsOf('', schema as Node);
}

/** The same of every option of each method, by the method's name. */
export function methodRows(schema: unknown): Map<string, string[][]> {
  const methods = (schema as Node).properties?.['spec']?.properties?.['method'];
  return new Map(
    [...(methods?.anyOf ?? []), ...(methods?.oneOf ?? [])].map((method) => [
      method.properties?.['name']?.const ?? '',
      rowsOf('', method),
    ]),
  );
}

function rowsOf(prefix: string, node: Node): string[][] {
  return Object.entries(node.properties ?? {}).flatMap(([key, field]) => {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    const inner = path === 'spec.method' ? [] : field.properties === undefined ? objectsOf(field) : [field];
    const required = node.required?.includes(key) === true;
    return [rowOf(path, field, required), ...inner.flatMap((one) => rowsOf(path, one))];
  });
}

/** The alternatives with options of their own; schedules are told once, in words. */
function objectsOf({ anyOf = [], oneOf = [] }: Node): Node[] {
  return [...anyOf, ...oneOf].filter(
    ({ type, properties }) =>
      type === 'object' &&
      properties?.['schedule'] === undefined &&
      properties?.['beta1'] === undefined &&
      properties?.['momentum'] === undefined &&
      Object.keys(properties ?? {}).join() !== 'name',
  );
}

function rowOf(path: string, field: Node, required: boolean): string[] {
  const description = field.description ?? '';
  const meaning = description.replace(RANGE, '');
  return [`\`${path}\``, valuesOf(field), required ? 'required' : defaultOf(field), meaning];
}

function defaultOf({ default: value, properties }: Node): string {
  if (properties !== undefined || value === undefined || value === null) return '';
  if (typeof value === 'object') return value.name ?? '';
  return String(value);
}

function valuesOf(field: Node): string {
  if (field.const !== undefined) return field.const;
  if (field.enum !== undefined) return field.enum.join(', ');
  const range = RANGE.exec(field.description ?? '');
  if (range !== null) return `${range[1] === 'Integer' ? 'integer' : 'number'}${range[2] ?? ''}`;
  const alternatives = [...(field.anyOf ?? []), ...(field.oneOf ?? [])]
    .flatMap((one) => one.anyOf ?? [one])
    .filter(({ type }) => type !== 'null');
  if (alternatives.length > 0) return [...new Set(alternatives.map(kindOf))].join(', or ');
  return kindOf(field);
}

function kindOf(field: Node): string {
  if (field.properties?.['schedule'] !== undefined || field.oneOf !== undefined)
    return schedules(field) ? 'a schedule' : 'a mapping';
  const names: Readonly<Record<string, string>> = {
    object: 'a mapping',
    array: 'a list',
    string: 'text',
    boolean: 'true, false',
  };
  if (field.const !== undefined || field.enum !== undefined || RANGE.test(field.description ?? ''))
    return valuesOf(field);
  return names[field.type ?? ''] ?? field.type ?? '';
}

function schedules({ oneOf = [] }: Node): boolean {
  return oneOf.every(({ properties }) => properties?.['schedule'] !== undefined);
}
