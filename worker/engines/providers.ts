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

/** The engine of one thread or process, opened when it is first asked for; again where it could not be had. */
export function lazyEngine(wish: EngineWish): () => Promise<Engine> {
  let opened: Promise<Engine> | null = null;
  return () => {
    opened ??= openEngine(wish).catch((error: unknown) => {
      opened = null;
      throw error;
    });
    return opened;
  };
}

async function openEngine(wish: EngineWish): Promise<Engine> {
  const { name, backend } = await chooseEngine(wish, ENGINE_PROVIDERS);
  const provider = ENGINE_PROVIDERS.find((candidate) => candidate.name === name);
  if (provider === undefined) throw new Error(`engine ${name} has no provider`);
  return inTurn(await provider.open(backend));
}

/** Jobs of a thread share its engine: a run waits until the one before has ended. */
export function inTurn(engine: Engine): Engine {
  let before: Promise<unknown> = Promise.resolve();
  return {
    ...engine,
    run: (source, body) => {
      const turn = before.then(() => engine.run(source, body));
      before = turn.catch(() => undefined);
      return turn;
    },
  };
}
