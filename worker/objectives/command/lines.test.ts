import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { batchLine, type CommandMember, readAnswer, requestLine } from './lines.js';

const join = (pieces: Iterable<string>): string => [...pieces].join('');
const finite = fc.float64Array({ noNaN: true, noDefaultInfinity: true, minLength: 1, maxLength: 20 });

interface Sent {
  readonly parameters: Record<string, { dtype: string; shape: number[]; base64: string }>;
}

describe('request lines', () => {
  it('hold one line of JSON with every value as it was', () => {
    fc.assert(
      fc.property(finite, fc.string({ minLength: 1 }), (x, name) => {
        const member: CommandMember = { parameters: { [`t${name}`]: x }, seed: 1, step: 2, member: null };
        const line = join(requestLine(7, member, { name }, 'json', {}));
        assert.equal(line.indexOf('\n'), line.length - 1);
        // JSON has no −0 in our form: it is sent as 0.
        assert.deepEqual(JSON.parse(line), {
          id: 7,
          parameters: { [`t${name}`]: [...x].map((v) => v + 0) },
          seed: 1,
          step: 2,
          member: null,
          options: { name },
        });
      }),
    );
  });

  it('give base64 the same bytes, also of a view into a longer buffer', () => {
    fc.assert(
      fc.property(finite, (x) => {
        const view = new Float64Array([0, ...x, 0]).subarray(1, x.length + 1);
        const members = [{ parameters: { x: view }, seed: 1, step: 2, member: 0 }];
        const { members: sent } = JSON.parse(
          join(batchLine(1, members, {}, 'base64', { x: [x.length] })),
        ) as { members: Sent[] };
        const tensor = sent[0]?.parameters['x'];
        assert.deepEqual([tensor?.dtype, tensor?.shape], ['float64', [x.length]]);
        const bytes = Buffer.from(tensor?.base64 ?? '', 'base64');
        x.forEach((value, i) => assert.ok(Object.is(bytes.readDoubleLE(8 * i), value)));
      }),
    );
  });
});

describe('answer lines', () => {
  it('are read in every form', () => {
    assert.deepEqual(readAnswer('{"id":1,"value":0.25}'), { kind: 'values', id: 1, values: [0.25] });
    assert.deepEqual(readAnswer('{"id":1,"value":-Infinity}'), {
      kind: 'values',
      id: 1,
      values: [-Infinity],
    });
    assert.deepEqual(readAnswer('{"id":2,"values":[1,NaN,{"error":"e"}]}'), {
      kind: 'values',
      id: 2,
      values: [1, NaN, { error: 'e' }],
    });
    assert.deepEqual(readAnswer('{"id":3,"error":"NaN in mesh"}'), {
      kind: 'error',
      id: 3,
      error: 'NaN in mesh',
    });
    assert.deepEqual(readAnswer('{"id":3,"value":NaN,"note":"a \\" NaN"}'), {
      kind: 'values',
      id: 3,
      values: [NaN],
    });
  });

  it('say what was answered instead of a number', () => {
    for (const [line, words] of [
      ['{"id":1}', 'without a value'],
      ['{"id":1,"value":"3"}', '"3"'],
      ['{"id":1,"value":null}', 'null'],
      ['{"id":1,"value":"NaN"}', '"NaN"'],
    ] as const) {
      assert.deepEqual(readAnswer(line), {
        kind: 'values',
        id: 1,
        values: [{ error: `the command answered ${words}, not a number` }],
      });
    }
  });

  it('are told from other output, whatever it is', () => {
    for (const line of [
      '',
      'loading',
      '[1]',
      'null',
      '{"id":"1","value":2}',
      '{"value":2}',
      'NaN',
      'Infinity {',
      '['.repeat(100_000),
    ])
      assert.equal(readAnswer(line), null, line.slice(0, 20));
    fc.assert(fc.property(fc.string(), (line) => void readAnswer(line)));
    fc.assert(fc.property(fc.json(), (line) => void readAnswer(line)));
  });
});
