// Which engine a worker evaluates populations on: what can be had on this machine, the choice that `auto` makes, and its
// opening, once a compute thread. Engines load lazily: nothing heavy is touched before a job needs it.
import { SeedcastError } from '../../shared/errors.js';
import { ENGINE_NAMES, type Engine, type EngineName } from '../../shared/objectives/engine.js';

/** What was found of one engine (one backend of it). */
export type EngineProbe =
  | {
      readonly available: true;
      /** What does the work: `typescript`, a SIMD level, a tfjs backend. */
      readonly backend: string;
      /** For people: device, versions. */
      readonly details: string;
      /** A real graphics processor, which `auto` prefers. */
      readonly gpu: boolean;
    }
  | {
      readonly available: false;
      readonly backend: string;
      readonly why: string;
      /** The command or step that makes it available. */
      readonly mend: string;
    };

export interface EngineProvider {
  readonly name: EngineName;
  /** One a backend, best first, or of the one named alone; looks without loading more than it must. */
  probe(backend: string | null): Promise<readonly EngineProbe[]>;
  /** @param backend one that `probe` found available. */
  open(backend: string): Promise<Engine>;
}

export interface EngineChoice {
  readonly name: EngineName;
  readonly backend: string;
  readonly details: string;
}

/** `auto`, an engine, or an engine and its backend: `tensorflow:webgpu`. */
export type EngineWish = 'auto' | { readonly name: EngineName; readonly backend: string | null };

/** SC_USAGE for an engine that does not exist. */
export function parseEngineWish(text: string): EngineWish {
  if (text === 'auto') return 'auto';
  const [name, ...backend] = text.split(':');
  const known = ENGINE_NAMES.find((engine) => engine === name);
  if (known === undefined || backend.length > 1 || backend[0] === '')
    throw new SeedcastError('SC_USAGE', `there is no engine ${JSON.stringify(text)}`, {
      hint: `give auto, ${ENGINE_NAMES.join(', ')}, or tensorflow:BACKEND`,
    });
  return { name: known, backend: backend[0] ?? null };
}

/**
 * `auto` takes a real graphics processor, else the addon, else plain TypeScript; `providers` are in order of preference.
 * SC_ENGINE, with the reason and the mend, where the engine wished for cannot be had.
 */
export async function chooseEngine(
  wish: EngineWish,
  providers: readonly EngineProvider[],
): Promise<EngineChoice> {
  let last: Extract<EngineProbe, { available: false }> | null = null;
  for (const provider of providers) {
    if (wish !== 'auto' && provider.name !== wish.name) continue;
    for (const probe of await provider.probe(wish === 'auto' ? null : wish.backend)) {
      if (wish !== 'auto' && wish.backend !== null && wish.backend !== probe.backend) continue;
      if (!probe.available) last ??= probe;
      else if (wish !== 'auto' || provider.name !== 'tensorflow' || probe.gpu)
        return { name: provider.name, backend: probe.backend, details: probe.details };
    }
  }
  const wished = wish === 'auto' ? 'auto' : [wish.name, wish.backend ?? []].flat().join(':');
  throw new SeedcastError(
    'SC_ENGINE',
    `engine ${wished} cannot be had here${last === null ? '' : `: ${last.why}`}`,
    { hint: last?.mend ?? `its backends are ${await backendsOf(wish, providers)}` },
  );
}

async function backendsOf(wish: EngineWish, providers: readonly EngineProvider[]): Promise<string> {
  const own = providers.filter(({ name }) => wish === 'auto' || name === wish.name);
  const probes = await Promise.all(own.map((provider) => provider.probe(null)));
  return probes
    .flat()
    .map(({ backend }) => backend)
    .join(', ');
}
