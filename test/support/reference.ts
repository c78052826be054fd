// A job run without a pool: the state after its steps, for objectives that are a function of the parameters alone.
// Perturbs, evaluates, reduces and applies in one loop; no plan, no slices, no threads, no messages.
import type { Genesis } from '../../shared/ledger/records.js';
import { methodNamed } from '../../shared/methods/registry.js';
import type { TensorArray } from '../../shared/objectives/types.js';
import { Replica } from '../../worker/replica/replica.js';

/** Digest of state(steps). `value`: fitness of the first tensor's parameters, float64. */
export function referenceDigest(genesis: Genesis, steps: number, value: (x: TensorArray) => number): string {
  const { spec, objective } = genesis;
  const method = methodNamed(spec.method.name);
  const layout = { ...method.layout(spec), repeats: 0, validation: 0 };
  const sign = objective.direction === 'minimize' ? -1 : 1;
  const replica = new Replica(genesis);
  replica.initialise();
  const arrays = replica.allocate();
  const none = new Uint8Array(layout.members);
  for (let step = 0; step < steps; step++) {
    const fitness = Float64Array.from({ length: layout.members }, (_, member) => {
      replica.parametersOf(step, layout, member, arrays);
      const [x] = arrays;
      return sign * (x === undefined ? Number.NaN : value(x));
    });
    replica.apply(step, { ...method.reduce(spec, step, fitness, none).update, auxiliary: null });
  }
  return replica.digest(steps);
}
