// Offers the reference engine: there everywhere.
import type { EngineProvider } from '../open.js';
import { createReferenceEngine } from './engine.js';

export const referenceProvider: EngineProvider = {
  name: 'reference',
  probe: () =>
    Promise.resolve([
      { available: true, backend: 'typescript', details: 'plain TypeScript, runs everywhere', gpu: false },
    ]),
  open: () => Promise.resolve(createReferenceEngine()),
};
