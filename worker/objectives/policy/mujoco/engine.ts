// MuJoCo's WebAssembly build, loaded once a thread and only when a task needs it, and one simulated body: a model with its
// data, both outside the JavaScript heap, freed by `dispose`. The only file that imports `mujoco-js`.
import { readFileSync } from 'node:fs';
import loadMujoco, { type MainModule, type MjData, type MjModel } from 'mujoco-js';
import { SeedcastError } from '../../../../shared/errors.js';

let engine: Promise<MainModule> | undefined;

/** The thread's engine: about 75 ms and 40 MB the first time. */
function mujoco(): Promise<MainModule> {
  engine ??= loadMujoco({ print: ignore, printErr: ignore });
  return engine;
}

let files = 0;

export class Body {
  readonly #engine: MainModule;
  readonly #model: MjModel;
  readonly #data: MjData;
  #disposed = false;
  /** Views into the engine's memory: generalised coordinates, velocities, controls. */
  qpos = new Float64Array(0);
  qvel = new Float64Array(0);
  ctrl = new Float64Array(0);
  /** Coordinates of the model as written. */
  readonly qpos0: Float64Array;
  /** Seconds of one engine step. */
  readonly timestep: number;
  /** Kilograms of all bodies. */
  readonly mass: number;
  readonly controlLow: readonly number[];
  readonly controlHigh: readonly number[];

  private constructor(loaded: MainModule, model: MjModel) {
    this.#engine = loaded;
    this.#model = model;
    this.#data = new loaded.MjData(model);
    this.qpos0 = Float64Array.from(model.qpos0 as Float64Array);
    this.timestep = (model.opt as { timestep: number }).timestep;
    this.mass = (model.body_mass as Float64Array).reduce((sum, mass) => sum + mass, 0);
    const limited = model.actuator_ctrllimited as Uint8Array;
    const range = model.actuator_ctrlrange as Float64Array;
    this.controlLow = Array.from(limited, (on, i) => (on ? (range[2 * i] ?? -1) : -1));
    this.controlHigh = Array.from(limited, (on, i) => (on ? (range[2 * i + 1] ?? 1) : 1));
    this.#bind();
  }

  /** Reads an MJCF file that stands by itself. Throws SC_OBJECTIVE_FILE where it cannot be read or MuJoCo refuses it. */
  static async load(path: string): Promise<Body> {
    let xml: string;
    try {
      xml = readFileSync(path, 'utf8');
    } catch (cause) {
      throw new SeedcastError('SC_OBJECTIVE_FILE', 'the MJCF model cannot be read', {
        place: { file: path },
        hint: 'give a path on the worker, absolute or from the folder it was started in',
        cause,
      });
    }
    const loaded = await mujoco();
    const name = `/model-${files++}.xml`;
    loaded.FS.writeFile(name, xml);
    try {
      return new Body(loaded, loaded.MjModel.loadFromXML(name));
    } catch (cause) {
      throw new SeedcastError(
        'SC_OBJECTIVE_FILE',
        `MuJoCo ${loaded.mj_versionString()} does not accept this model`,
        {
          place: { file: path },
          hint: 'it must be one MJCF file without meshes, textures or includes; MuJoCo’s `simulate` or `compile` names the faulty element',
          cause,
        },
      );
    } finally {
      loaded.FS.unlink(name);
    }
  }

  /** Back to the model's own state, velocities and controls 0; coordinates may then be set before `forward`. */
  reset(): void {
    this.#engine.mj_resetData(this.#model, this.#data);
    if (this.qpos.length === 0) this.#bind();
  }

  /** Computes everything that follows from coordinates and velocities. */
  forward(): void {
    this.#engine.mj_forward(this.#model, this.#data);
  }

  /** `count` steps of `timestep` seconds with the controls held. False where the engine found the state unstable and reset it. */
  step(count: number): boolean {
    const before = this.#data.time;
    for (let i = 0; i < count; i++) this.#engine.mj_step(this.#model, this.#data);
    // The engine's memory may have grown, which leaves old views empty.
    if (this.qpos.length === 0) this.#bind();
    return this.#data.time > before + (count - 0.5) * this.timestep;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#data.delete();
    this.#model.delete();
  }

  #bind(): void {
    this.qpos = this.#data.qpos as Float64Array<ArrayBuffer>;
    this.qvel = this.#data.qvel as Float64Array<ArrayBuffer>;
    this.ctrl = this.#data.ctrl as Float64Array<ArrayBuffer>;
  }
}

function ignore(): void {
  // MuJoCo's own lines (version, warnings) would mix into what the worker prints.
}
