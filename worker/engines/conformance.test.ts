// Every engine of this installation against the conformance suite.
import { conformance } from '../../test/engines/conformance.js';
import { createReferenceEngine } from './reference/engine.js';

conformance({ name: 'reference', open: async () => Promise.resolve(createReferenceEngine()) });
