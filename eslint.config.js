// Type-aware lint for the whole tree, and the rules that keep the design true: imports point one way
// (cli → coordinator, worker → shared), the clock and entropy are ports, replica code never meets libm.
import tseslint from 'typescript-eslint';
import importX from 'eslint-plugin-import-x';

const ENTROPY = [
  { object: 'Math', property: 'random', message: 'Entropy is a port: take it from shared/ports.' },
  { object: 'Date', property: 'now', message: 'The clock is a port: take `now` as an argument.' },
  { object: 'performance', property: 'now', message: 'The clock is a port: take `now` as an argument.' },
];
const LIBM = [
  'exp',
  'log',
  'tanh',
  'cos',
  'sin',
  'pow',
  'expm1',
  'log1p',
  'log2',
  'log10',
  'tan',
  'atan',
  'atan2',
  'sinh',
  'cosh',
  'cbrt',
  'hypot',
].map((property) => ({
  object: 'Math',
  property,
  message: 'Not the same on every machine: use shared/arithmetic/polynomials.',
}));

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', '.seedcast/**', 'examples/**'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    plugins: { 'import-x': importX },
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    settings: {
      'import-x/resolver-next': [
        importX.createNodeResolver({ extensions: ['.ts', '.js'], extensionAlias: { '.js': ['.ts', '.js'] } }),
      ],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
    },
    rules: {
      'import-x/no-cycle': 'error',
      'import-x/no-restricted-paths': [
        'error',
        {
          basePath: import.meta.dirname,
          zones: [
            {
              target: './shared',
              from: ['./coordinator', './worker', './cli', './test'],
              message: 'shared imports nothing of the others.',
            },
            { target: './coordinator', from: ['./worker', './cli', './test'] },
            { target: './worker', from: ['./coordinator', './cli', './test'] },
            { target: './cli', from: ['./test'] },
          ],
        },
      ],
      'no-restricted-properties': ['error', ...ENTROPY],
      'no-restricted-imports': [
        'error',
        {
          paths: [
            { name: 'nats', message: 'The client lives in shared/bus/nats only.' },
            { name: 'seedrandom', message: 'Keys come from shared/random/key.' },
          ],
        },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-non-null-assertion': 'error',
    },
  },
  {
    // What replicas compute: no libm.
    files: [
      'shared/random/**/*.ts',
      'shared/arithmetic/**/*.ts',
      'shared/methods/**/*.ts',
      'shared/ledger/**/*.ts',
      'shared/tensors/**/*.ts',
      'worker/replica/**/*.ts',
    ],
    ignores: ['**/*.test.ts'],
    rules: { 'no-restricted-properties': ['error', ...ENTROPY, ...LIBM] },
  },
  { files: ['shared/bus/nats/**/*.ts'], rules: { 'no-restricted-imports': 'off' } },
  { files: ['shared/random/key.ts'], rules: { 'no-restricted-imports': 'off' } },
  { files: ['shared/ports.ts'], rules: { 'no-restricted-properties': 'off' } },
  {
    files: ['**/*.test.ts', 'test/**/*.ts'],
    rules: {
      'no-restricted-properties': 'off',
      'import-x/no-restricted-paths': 'off',
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            {
              from: 'package',
              name: ['describe', 'it', 'test', 'before', 'after', 'beforeEach', 'afterEach'],
              package: 'node:test',
            },
          ],
        },
      ],
    },
  },
);
