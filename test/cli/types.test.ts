// What a TypeScript user of the installed package gets: the packed tarball is unpacked into a folder of its own, and programs that
// import 'seedcast' are compiled there against its declarations, strictly. Nothing is run.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import ts from 'typescript';
import { scaffold } from '../../cli/scaffold.js';
import { packageRoot } from '../../worker/objectives/package-root.js';
import { folder } from '../support/command.js';
import { suite } from '../support/suite.js';

/** `same<A, B>(true)` compiles where A and B are the same type, and only there. */
const HEAD = `
import { type ObjectiveOptions, type TensorArray, type TensorDeclaration, defineObjective, minimize } from 'seedcast';
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(_: Same<A, B>): void;
const common = { name: 'own', direction: 'minimize' } as const;
`;

const CONSUMERS: Readonly<Record<string, string>> = {
  'float32 where dtype is left out': `
export default defineObjective({
  ...common,
  parameters: () => ({ x: { shape: [10], init: { kind: 'uniform', low: -1, high: 1 } } }),
  evaluate: async ({ x }, context) => {
    same<typeof x, Float32Array>(true);
    same<typeof context.seed, number>(true);
    return x.reduce((sum, v) => sum + v * v, 0);
  },
});`,

  'each tensor by its own dtype, from a function of the options': `
export default defineObjective({
  ...common,
  parameters: ({ width }) => ({
    a: { shape: [Number(width), 2] },
    b: { shape: [3], dtype: 'float64', low: 1, high: 10, scale: 'log' },
    c: { shape: [4], dtype: 'int8' },
    d: { shape: [4], dtype: 'float32' },
  }),
  evaluate: ({ a, b, c, d }) => {
    same<typeof a, Float32Array>(true);
    same<typeof b, Float64Array>(true);
    same<typeof c, Int8Array>(true);
    same<typeof d, Float32Array>(true);
    return [a, b, c, d].length;
  },
});`,

  'parameters by a promise, and as a method': `
export default [
  defineObjective({
    ...common,
    parameters: async () => ({ x: { shape: [2], dtype: 'float64' } }),
    evaluate: ({ x }) => { same<typeof x, Float64Array>(true); return x.length; },
  }),
  defineObjective({
    ...common,
    parameters(options) { return { x: { shape: [Object.keys(options).length] } }; },
    evaluate({ x }) { same<typeof x, Float32Array>(true); return x.length; },
  }),
];`,

  'a dtype that depends on an option, and a tensor that is there for some': `
export default defineObjective({
  ...common,
  parameters: ({ exact, bias }) => ({
    x: { shape: [2], dtype: exact === true ? 'float64' : 'float32' },
    ...(bias === true ? { y: { shape: [1], dtype: 'int8' } } : {}),
  }),
  evaluate: ({ x, y }) => {
    same<typeof x, Float32Array | Float64Array>(true);
    same<typeof y, Int8Array | undefined>(true);
    return x.length;
  },
});`,

  evaluateMany: `
export default defineObjective({
  ...common,
  parameters: () => ({ x: { shape: [2] }, y: { shape: [1], dtype: 'float64' } }),
  evaluateMany: (members) =>
    members.map(({ parameters: { x, y }, context }) => {
      same<typeof x, Float32Array>(true);
      same<typeof y, Float64Array>(true);
      return context.member === 3 ? { error: 'no' } : x.reduce((sum, v) => sum + v, 0);
    }),
});`,

  'the resource that setup returns': `
interface Table { readonly rows: number }
export default defineObjective({
  ...common,
  parameters: () => ({ x: { shape: [2] } }),
  setup: async ({ rows }, { thread }): Promise<Table> => ({ rows: Number(rows) + thread }),
  evaluate: ({ x }, { resource }) => {
    same<typeof x, Float32Array>(true);
    same<typeof resource, Table>(true);
    return x.length * resource.rows;
  },
  dispose: (resource) => { same<typeof resource, Table>(true); },
});`,

  'what minimize returns for a defined objective and for a bare function': `
const options = { method: { name: 'es', population: 4, sigma: 0.1 }, stop: { steps: 1 } } as const;
const objective = defineObjective({
  ...common,
  parameters: () => ({ x: { shape: [2] }, y: { shape: [1], dtype: 'float64' } }),
  setup: () => ({ rows: 1 }),
  evaluate: ({ x }, { resource }) => x.length * resource.rows,
});
const { parameters: own } = await minimize(objective, options);
export const [x, y]: [Float32Array, Float64Array] = [own.x, own.y];
const { parameters: bare } = await minimize(
  ({ u, v }) => { same<typeof u, Float64Array>(true); same<typeof v, Float32Array>(true); return u.length + v.length; },
  { ...options, parameters: { u: { shape: [1] }, v: { shape: [1], dtype: 'float32' } } },
);
export const [u, v]: [Float64Array, Float32Array] = [bare.u, bare.v];
const { parameters: builtIn } = await minimize('sphere', options);
same<(typeof builtIn)[string], TensorArray>(true);`,

  'the loose form, where nothing tells names or types': `
const declared = (_: ObjectiveOptions): Record<string, TensorDeclaration> => ({ x: { shape: [2] } });
export default [
  defineObjective({
    ...common,
    parameters: declared,
    evaluate: (arrays) => {
      same<(typeof arrays)[string], TensorArray>(true);
      return arrays['x']?.[0] ?? 0;
    },
  }),
  defineObjective<{ readonly rows: number }>({
    ...common,
    parameters: () => ({ x: { shape: [2] } }),
    setup: () => ({ rows: 1 }),
    evaluate: ({ x }, { resource }) => (x?.[0] ?? 0) * resource.rows,
  }),
  defineObjective({
    ...common,
    evaluate: ({ x }) => x?.[0] ?? 0,
    parameters: (options) => ({ x: { shape: [Number(options['n'])] } }),
  }),
];`,

  'refusals: no such tensor, another type, an unknown dtype': `
export default [
  defineObjective({
    ...common,
    parameters: () => ({ x: { shape: [2] } }),
    // @ts-expect-error there is no y
    evaluate: ({ x, y }) => x.length + y.length,
  }),
  defineObjective({
    ...common,
    parameters: () => ({ x: { shape: [2], dtype: 'float64' } }),
    evaluate: ({ x }) => {
      // @ts-expect-error x is a Float64Array
      const wrong: Float32Array = x;
      return wrong.length;
    },
  }),
  defineObjective({
    ...common,
    // @ts-expect-error there is no float16
    parameters: () => ({ x: { shape: [2], dtype: 'float16' } }),
    evaluate: () => 1,
  }),
];`,
};

void describe('the types of the packed package', () => {
  const s = suite();
  let home = '';

  before(() => {
    home = folder(s);
    const root = packageRoot();
    // Without scripts: what is packed is what this test was compiled with.
    const [packed] = JSON.parse(
      execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', home], {
        cwd: root,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    ) as { readonly filename: string }[];
    assert.ok(packed);
    const modules = join(home, 'node_modules');
    mkdirSync(join(modules, 'seedcast'), { recursive: true });
    execFileSync('tar', [
      '-xzf',
      join(home, packed.filename),
      '--strip-components=1',
      '-C',
      join(modules, 'seedcast'),
    ]);
    const { dependencies } = JSON.parse(readFileSync(join(modules, 'seedcast', 'package.json'), 'utf8')) as {
      readonly dependencies: Readonly<Record<string, string>>;
    };
    for (const name of Object.keys(dependencies)) {
      mkdirSync(join(modules, name, '..'), { recursive: true });
      symlinkSync(join(root, 'node_modules', name), join(modules, name));
    }
    writeFileSync(join(home, 'package.json'), '{"type":"module"}');
  });

  /** What the compiler has to say about these files, one line each. Declarations of the package are checked as well. */
  function diagnose(files: Readonly<Record<string, string>>, more: ts.CompilerOptions = {}): string[] {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(home, name), text);
    const options: ts.CompilerOptions = {
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      ...more,
    };
    const host = ts.createCompilerHost(options);
    host.getCurrentDirectory = () => home;
    const names = Object.keys(files).map((name) => join(home, name));
    return ts
      .getPreEmitDiagnostics(ts.createProgram(names, options, host))
      .map(({ messageText, file, start }) => {
        const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start ?? 0).line + 1;
        return `${file?.fileName.split('/').at(-1)}:${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
      });
  }

  void it('follow from the declared tensors', () => {
    const named = Object.entries(CONSUMERS).map(
      ([title, body], i) => [title, `consumer-${i}.ts`, HEAD + body] as const,
    );
    const told = diagnose(Object.fromEntries(named.map(([, file, text]) => [file, text])));
    const places = told.map((line) => {
      const at = named.find(([, file]) => line.startsWith(file));
      return at === undefined ? line : `${at[0]}: ${line}`;
    });
    assert.deepEqual(places, []);
  });

  void it('tell an error where there is one', () => {
    const body = `export default defineObjective({ ...common, parameters: () => ({ x: { shape: [2] } }), evaluate: ({ x }) => x });`;
    assert.match(
      diagnose({ 'faulty.ts': HEAD + body }).join(),
      /^faulty\.ts:6: .*Float32Array.* is not assignable/,
    );
  });

  void it('hold for what `init` makes and for the examples, with every further check', () => {
    const examples = join(packageRoot(), 'examples', 'objectives');
    const files = Object.fromEntries(
      readdirSync(examples)
        .filter((name) => name.endsWith('.ts'))
        .map((name) => [name, readFileSync(join(examples, name), 'utf8')]),
    );
    assert.ok(Object.keys(files).length > 0);
    const made = scaffold('own', 'typescript').files['objective.ts'];
    assert.ok(made);
    const told = diagnose(
      { ...files, 'objective.ts': made },
      {
        // The nats package's own declarations do not pass exactOptionalPropertyTypes.
        skipLibCheck: true,
        noUncheckedIndexedAccess: true,
        exactOptionalPropertyTypes: true,
        noImplicitOverride: true,
        noUnusedLocals: true,
        noUnusedParameters: true,
        verbatimModuleSyntax: true,
        isolatedModules: true,
      },
    );
    assert.deepEqual(told, []);
  });
});
