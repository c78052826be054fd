import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { jobJsonSchema, jobSchemaText } from './json-schema.js';
import { parseJob } from './parse.js';

type Node = Readonly<Record<string, unknown>>;

function* nodes(node: unknown, path: string): Generator<[string, Node]> {
  if (typeof node !== 'object' || node === null) return;
  if (!Array.isArray(node)) yield [path, node as Node];
  for (const [key, inner] of Object.entries(node)) yield* nodes(inner, `${path}/${key}`);
}

const properties = [...nodes(jobJsonSchema(), '')].filter(([path]) => /\/properties\/[^/]+$/.test(path));

describe('the JSON Schema of a job', () => {
  it('is the one in docs', () => {
    const file = new URL('../../../docs/job.schema.json', import.meta.url);
    assert.equal(
      readFileSync(file, 'utf8'),
      jobSchemaText(),
      'refresh it: npx seedcast schema > docs/job.schema.json',
    );
  });

  it('describes every property', () => {
    assert.ok(properties.length > 40);
    for (const [path, { description }] of properties)
      assert.ok(typeof description === 'string' && description !== '', path);
  });

  it('closes every mapping but the options of the objective and the two free maps', () => {
    const open = [...nodes(jobJsonSchema(), '')].filter(
      ([, node]) => node['type'] === 'object' && node['additionalProperties'] !== false,
    );
    assert.deepEqual(
      open.map(([path]) => path).filter((path) => !path.startsWith('/$defs')),
      [
        '/properties/metadata/properties/labels',
        '/properties/spec/properties/objective',
        '/properties/spec/properties/init/anyOf/0/properties/map',
      ],
    );
  });

  it('states the defaults that parsing fills in', () => {
    const { spec } = parseJob({
      apiVersion: 'seedcast/v1',
      kind: 'Job',
      metadata: { name: 'x' },
      spec: {
        seed: 1,
        method: { name: 'es', population: 2, sigma: 1 },
        objective: { name: 'o' },
        stop: { steps: 1 },
      },
    });
    const stated = (prefix: string) =>
      Object.fromEntries(
        properties
          .filter(
            ([path, node]) =>
              path.startsWith(prefix) && !path.slice(prefix.length).includes('/') && 'default' in node,
          )
          .map(([path, node]) => [path.slice(prefix.length), node['default']]),
      );
    const method = stated('/properties/spec/properties/method/oneOf/0/properties/');
    assert.equal(Object.keys(method).length, 6);
    assert.deepEqual({ ...spec.method, ...method }, spec.method);
    const top = stated('/properties/spec/properties/');
    assert.deepEqual(Object.keys(top).sort(), [
      'engine',
      'evaluation',
      'init',
      'ledger',
      'onFailure',
      'scalars',
    ]);
    for (const key of ['engine', 'init', 'onFailure', 'scalars'] as const) assert.equal(spec[key], top[key]);
    assert.deepEqual(
      { ...spec.ledger, ...stated('/properties/spec/properties/ledger/properties/') },
      spec.ledger,
    );
    assert.deepEqual(
      { ...spec.evaluation, ...stated('/properties/spec/properties/evaluation/properties/') },
      spec.evaluation,
    );
  });
});
