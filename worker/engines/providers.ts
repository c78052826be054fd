// The engines that workers can have, in the order in which `auto` prefers them.
import type { Engine } from '../../shared/objectives/engine.js';
import { type EngineProvider, type EngineWish, chooseEngine } from './open.js';
import { nativeProvider } from './native/provider.js';
import { referenceProvider } from './reference/provider.js';
import { tensorflowProvider } from './tensorflow/provider.js';

export const ENGINE_PROVIDERS: readonly EngineProvider[] = [
  tensorflowProvider,
  nativeProvider,
  referenceProvider,
];

/** The engine for one thread; SC_ENGINE where it cannot be had. */
export async function openEngine(wish: EngineWish): Promise<Engine> {
  const { name, backend } = await chooseEngine(wish, ENGINE_PROVIDERS);
  const provider = ENGINE_PROVIDERS.find((candidate) => candidate.name === name);
  if (provider === undefined) throw new Error(`engine ${name} has no provider`);
  return provider.open(backend);
}
