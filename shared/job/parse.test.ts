import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatError, SeedcastError } from '../errors.js';
import { SpecError } from './issues.js';
import { parseJob, parseJobFile } from './parse.js';
import { compiledSpec } from './spec.js';

const MINIMAL = `apiVersion: seedcast/v1
kind: Job
metadata: { name: sphere-es }
spec:
  seed: 42
  method: { name: es, population: 64, sigma: 0.1 }
  objective: { name: sphere, dimension: 1000 }
  stop: { steps: 30, wallClock: 10m }
`;

function refusal(text: string, overrides: string[] = []): SpecError {
  try {
    parseJobFile(text, 'job.yaml', overrides);
  } catch (error) {
    assert.ok(error instanceof SpecError);
    return error;
  }
  return assert.fail('was accepted');
}

function lines(text: string, overrides: string[] = []): string[] {
  return refusal(text, overrides).issues.map(({ code, place, message, hint }) =>
    formatError(new SeedcastError(code, message, { place, ...(hint === undefined ? {} : { hint }) })),
  );
}

const edit = (from: string, to: string): string => {
  assert.ok(MINIMAL.includes(from));
  return MINIMAL.replace(from, to);
};

describe('a job file', () => {
  it('compiles to a total spec with the documented defaults', () => {
    assert.deepEqual(parseJobFile(MINIMAL, 'job.yaml'), {
      name: 'sphere-es',
      labels: {},
      spec: {
        seed: 42,
        method: {
          name: 'es',
          population: 64,
          sigma: 0.1,
          learningRate: 0.01,
          antithetic: true,
          shaping: 'centered-rank',
          optimizer: { name: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
          noise: 'binomial',
          weightDecay: 0,
        },
        objective: { name: 'sphere', options: { dimension: 1000 } },
        init: null,
        stop: { steps: 30, evaluations: null, fitness: null, wallClock: 600_000, plateau: null },
        evaluation: { every: 1, repeats: 1, final: 1 },
        onFailure: 'worst',
        ledger: { evidence: 'all', digestEvery: 100 },
        scalars: 'float64',
        engine: null,
      },
    });
  });

  it('may be JSON, and an object already parsed', () => {
    const json = JSON.stringify({
      apiVersion: 'seedcast/v1',
      kind: 'Job',
      metadata: { name: 'sphere-es' },
      spec: {
        seed: 42,
        method: { name: 'es', population: 64, sigma: 0.1 },
        objective: { name: 'sphere', dimension: 1000 },
        stop: { steps: 30, wallClock: '10m' },
      },
    });
    assert.deepEqual(parseJobFile(json, 'job.json'), parseJobFile(MINIMAL, 'job.yaml'));
    assert.deepEqual(parseJob(JSON.parse(json)), parseJobFile(MINIMAL, 'job.yaml'));
  });

  it('evaluates at the end as often as it repeats, unless told otherwise', () => {
    const of = (text: string) => parseJobFile(`${MINIMAL}  evaluation: ${text}\n`, 'f').spec.evaluation;
    assert.deepEqual(of('{ repeats: 7 }'), { every: 1, repeats: 7, final: 7 });
    assert.deepEqual(of('{ repeats: 7, final: 20, every: 5 }'), { every: 5, repeats: 7, final: 20 });
  });

  it('compiles to a spec that parses as itself', () => {
    const more = '  evaluation: { repeats: 3 }\n  ledger: { evidence: { last: 5 } }\n  init: { from: a@3 }\n';
    const { spec } = parseJobFile(MINIMAL + more, 'job.yaml');
    assert.deepEqual(compiledSpec.parse(JSON.parse(JSON.stringify(spec))), spec);
  });
});

describe('a bad job file is refused', () => {
  const cases: [string, string, RegExp][] = [
    [
      'an unknown key',
      edit('sigma', 'sigam'),
      /^job\.yaml:6:39 spec\.method\.sigam: unknown key "sigam"; .*did you mean sigma\?/m,
    ],
    ['another spelling', edit('0.1', '0.1, learning_rate: 1'), /learning_rate.*did you mean learningRate\?/],
    [
      'a key of another place',
      edit('seed: 42', 'seed: 42\n  sigma: 1'),
      /^job\.yaml:6:3 spec\.sigma: .*did you mean spec\.method\.sigma\?/,
    ],
    [
      'a wrong type',
      edit('0.1', 'big'),
      /^job\.yaml:6:46 spec\.method\.sigma: must be a finite number above 0, or .*, not "big"/,
    ],
    [
      'a value out of range',
      edit('64', '1000001'),
      /population: must be an integer from 2 to 1000000, not 1000001/,
    ],
    ['zero sigma', edit('0.1', '0'), /sigma: must be a finite number above 0, not 0/],
    ['NaN', edit('0.1', '.nan'), /sigma: .*not \.nan/],
    ['infinity, also by overflow', edit('0.1', '1e999'), /sigma: .*not 1e999/],
    [
      'NaN among objective options',
      edit('1000', '[1, .nan]'),
      /^job\.yaml:7:\d+ spec\.objective\.dimension\.1: must be .*not \.nan/,
    ],
    [
      'an odd antithetic population',
      edit('64', '63'),
      /population: must be even when antithetic is true, not 63/,
    ],
    [
      'an unknown method',
      edit('es,', 'ess,'),
      /method\.name: must be one of es, eggroll, not "ess" \(did you mean es\?\)/,
    ],
    [
      'an unknown schedule',
      edit('0.1', '{ schedule: linaer }'),
      /sigma\.schedule: must be one of linear, .*did you mean linear\?/,
    ],
    [
      'an option of another optimizer',
      edit('0.1', '0.1, optimizer: { name: sgd, beta1: 0.5 }'),
      /beta1: unknown key "beta1"; known here: name \[/,
    ],
    [
      'a missing key',
      edit('population: 64, ', ''),
      /^job\.yaml:6:11 spec\.method\.population: is missing; it must be an integer/,
    ],
    ['no stop rule', edit('steps: 30, wallClock: 10m', ''), /spec\.stop: must hold at least one rule/],
    ['a duration without unit', edit('10m', '600'), /wallClock: must be a duration with a unit, .* not 600/],
    ['a bad duration', edit('10m', '10 lightyears'), /wallClock: must be a duration .*"10 lightyears"/],
    [
      'a seed that would lose digits',
      edit('42', '12345678901234567890'),
      /spec\.seed: must be quoted.*not 12345678901234567890/,
    ],
    ['an empty seed', edit('42', '""'), /spec\.seed: must be text of 1 to 1024 characters, not ""/],
    [
      'a bad name',
      edit('sphere-es', '"a b"'),
      /metadata\.name: must be 1 to 64 characters of A-Z.*not "a b"/,
    ],
    ['another version', edit('/v1', '/v2'), /apiVersion: must be seedcast\/v1, not "seedcast\/v2"/],
    [
      'two documents',
      `${MINIMAL}---\na: 1\n`,
      /^job\.yaml:9:\d+: holds more than one document.*SC_SPEC_SYNTAX/,
    ],
    ['a key twice', `${MINIMAL}  seed: 3\n`, /^job\.yaml:9:3: key "seed" stands here twice.*SC_SPEC_SYNTAX/],
    ['an open bracket', 'a: [1, 2', /^job\.yaml:1:9: .*SC_SPEC_SYNTAX/],
    ['an unknown tag', edit('42', '!secret 42'), /^job\.yaml:5:9: .*tag.*SC_SPEC_SYNTAX/],
    ['an alias without anchor', edit('42', '*x'), /^job\.yaml:5:9: .*SC_SPEC_SYNTAX/],
    ['nothing', '', /is empty.*SC_SPEC_SYNTAX/],
    ['only a comment', '# later\n', /is empty.*SC_SPEC_SYNTAX/],
    ['a bare word', 'foo', /^job\.yaml:1:1: must be a mapping, not "foo"/],
  ];
  for (const [what, text, pattern] of cases) {
    it(what, () => {
      assert.match(lines(text).join('\n'), pattern);
      assert.equal(refusal(text).exitCode, 2);
    });
  }

  it('with every problem at once, in the order of the text', () => {
    const text = edit('kind: Job', 'kind: Jab').replace('0.1', '-1').replace('steps: 30', 'steps: 0');
    const all = lines(`${text}  onFailure: wurst\n`);
    assert.deepEqual(
      all.map((line) => line.split(': ')[0]),
      [
        'job.yaml:2:7 kind',
        'job.yaml:6:46 spec.method.sigma',
        'job.yaml:8:18 spec.stop.steps',
        'job.yaml:9:14 spec.onFailure',
      ],
    );
    assert.match(formatError(refusal(text)), /^job\.yaml: 3 problems\n {2}2:7 kind: must be Job/);
  });

  it('without following it, when it nests or repeats without end', () => {
    for (const unit of ['[', '{a: ', '- ', '? '])
      assert.match(lines(unit.repeat(50_000)).join(), /nested|problems|SC_SPEC/);
    const bomb = [
      'a: &a [1, 2]',
      ...Array.from(
        { length: 30 },
        (_, i) => `x${i}: &x${i} [*${i ? `x${i - 1}` : 'a'}, *${i ? `x${i - 1}` : 'a'}]`,
      ),
    ];
    assert.match(lines(bomb.join('\n')).join(), /repeats too much/);
    assert.match(lines('a: &a [*a]').join(), /repeats too much/);
    assert.match(lines('x'.repeat(2_000_000)).join(), /characters long/);
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    assert.throws(() => parseJob(cycle), SpecError);
  });
});

describe('--set', () => {
  it('replaces, adds and makes mappings on the way; the last one wins', () => {
    const overrides = [
      'spec.method.sigma=1',
      'spec.method.sigma=0.2',
      'spec.method.optimizer={name: sgd}',
      'spec.objective.shift.seed=3',
    ];
    const { spec } = parseJobFile(MINIMAL, 'job.yaml', overrides);
    assert.equal(spec.method.sigma, 0.2);
    assert.deepEqual(spec.method.optimizer, { name: 'sgd' });
    assert.deepEqual(spec.objective.options, { dimension: 1000, shift: { seed: 3 } });
    assert.equal(parseJobFile(MINIMAL, 'f', ['spec.stop.wallClock=']).spec.stop.wallClock, null);
  });

  const cases: [string, RegExp][] = [
    [
      'spec.metod.sigma=1',
      /^--set spec\.metod\.sigma=1 spec\.metod: unknown key "metod".*did you mean method\?/,
    ],
    [
      'spec.method.sigma=-1',
      /^--set spec\.method\.sigma=-1 spec\.method\.sigma: must be a finite number above 0, not -1/,
    ],
    ['spec.method.sigma.from=1', /spec\.method\.sigma is 0\.1, not a mapping/],
    ['method.sigma=1', /unknown key "method".*did you mean spec\.method\?/],
    ['spec.seed', /must be path=value/],
    ['spec..seed=1', /must be path=value/],
    ['spec.seed=[', /^--set spec\.seed=\[ spec\.seed: .*SC_SPEC_SYNTAX/],
    ['__proto__.x=1', /must be path=value/],
    ['spec.method={name: es, sigma: 1}', /^--set .* spec\.method\.population: is missing/],
  ];
  for (const [override, pattern] of cases)
    it(`refuses ${override}`, () => assert.match(lines(MINIMAL, [override]).join('\n'), pattern));
});

describe('whatever is given', () => {
  const onlySpecErrors = (run: () => unknown): void => {
    try {
      run();
    } catch (error) {
      assert.ok(error instanceof SpecError, String(error));
      assert.ok(error.issues.length > 0);
    }
  };

  it('text gives a spec or a SpecError', () => {
    const yamlish = fc.array(
      fc.constantFrom(
        'a',
        'spec',
        ':',
        ' ',
        '\n',
        '- ',
        '{',
        '}',
        '[',
        ']',
        ',',
        '"',
        "'",
        '&x ',
        '*x',
        '!!int ',
        '|',
        '>',
        '#',
        '---',
        '%',
        '?',
        '1',
        '.nan',
        '\t',
        '\\',
        '\u0000',
      ),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          yamlish.map((parts) => parts.join('')),
        ),
        (text) => onlySpecErrors(() => parseJobFile(text, 'f')),
      ),
      { numRuns: 1_000 },
    );
  });

  it('a job with a piece replaced by anything gives a spec or a SpecError', () => {
    const spot = fc.nat({ max: MINIMAL.length });
    fc.assert(
      fc.property(spot, spot, fc.string({ maxLength: 12 }), (a, b, text) =>
        onlySpecErrors(() =>
          parseJobFile(MINIMAL.slice(0, Math.min(a, b)) + text + MINIMAL.slice(Math.max(a, b)), 'f'),
        ),
      ),
      { numRuns: 1_000 },
    );
  });

  it('an object gives a spec or a SpecError', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => onlySpecErrors(() => parseJob(value))),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.anything(), fc.string(), (value, key) =>
        onlySpecErrors(() =>
          parseJob({
            apiVersion: 'seedcast/v1',
            kind: 'Job',
            metadata: value,
            spec: {
              method: { name: 'es', sigma: value, [key]: value },
              objective: value,
              stop: value,
              seed: value,
              [key]: 1,
            },
          }),
        ),
      ),
      { numRuns: 500 },
    );
  });

  it('an override gives a spec or a SpecError', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (path, value) =>
        onlySpecErrors(() =>
          parseJobFile(MINIMAL, 'f', [`${path}=${value}`, `spec.method.${path}=${value}`]),
        ),
      ),
      { numRuns: 500 },
    );
  });

  it('valid options survive compilation unchanged, and compile to themselves', () => {
    const positive = fc.double({ min: Number.MIN_VALUE, max: 1e300, noNaN: true });
    const whole = fc.integer({ min: 1, max: 0xffff_ffff });
    const schedule = fc.oneof(
      positive,
      fc.record({ schedule: fc.constant('linear'), from: positive, to: positive, over: whole }),
      fc.record({
        schedule: fc.constant('exponential'),
        from: positive,
        decay: fc.double({ min: 1e-9, max: 1, noNaN: true }),
        floor: fc.double({ min: 1e-300, max: 1, noNaN: true }),
      }),
    );
    const option = fc.dictionary(
      fc.string({ minLength: 1 }).filter((key) => key !== '__proto__' && key !== 'name'),
      fc.jsonValue({ maxDepth: 3 }).filter((value) => !JSON.stringify(value).includes('__proto__')),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 65_536 }),
        schedule,
        schedule,
        option,
        whole,
        fc.oneof(whole, fc.string({ minLength: 1, unit: 'grapheme' })),
        (pairs, sigma, learningRate, options, steps, seed) => {
          const file = {
            apiVersion: 'seedcast/v1',
            kind: 'Job',
            metadata: { name: 'x' },
            spec: {
              seed,
              method: { name: 'es', population: 2 * pairs, sigma, learningRate },
              objective: { name: 'o', ...options },
              stop: { steps },
            },
          };
          const { spec } = parseJobFile(JSON.stringify(file), 'f');
          assert.deepEqual(spec.method.sigma, structuredClone(sigma));
          assert.deepEqual(spec.method.learningRate, structuredClone(learningRate));
          assert.equal(spec.method.population, 2 * pairs);
          assert.equal(spec.seed, seed);
          assert.deepEqual(spec.objective.options, JSON.parse(JSON.stringify(options)));
          assert.deepEqual(compiledSpec.parse(spec), spec);
        },
      ),
      { numRuns: 300 },
    );
  });
});
