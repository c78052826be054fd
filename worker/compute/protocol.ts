// What the worker's main thread and its compute threads say to each other. One task at a time a thread; the buffer of a
// replica is shared memory, so tasks carry only what is not in it.
import type { ErrorPlace } from '../../shared/errors.js';
import type { StepUpdate } from '../../shared/ledger/records.js';
import type {
  ObjectiveDescription,
  ObjectiveOptions,
  Dtype,
  TensorArray,
} from '../../shared/objectives/types.js';
import type { UnitLayout } from '../../shared/wire/slices.js';
import type { EngineChoice, EngineWish } from '../engines/open.js';

export interface ThreadData {
  readonly thread: number;
  readonly objectivePaths: readonly string[];
}

/** Int32 cells of a job's control buffer: the generation that is still wanted. */
export const CONTROL_GENERATION = 0;
export const CONTROL_BYTES = 4;

export type Task =
  | { readonly op: 'catalog' }
  | { readonly op: 'choose-engine'; readonly wish: EngineWish }
  | {
      readonly op: 'describe';
      readonly objective: string;
      readonly options: ObjectiveOptions;
      readonly dtype: Dtype;
    }
  /** `genesis`: the bytes of the genesis record. `memory` and `control`: shared buffers. */
  | {
      readonly op: 'open';
      readonly job: string;
      readonly genesis: Uint8Array;
      readonly memory: SharedArrayBuffer;
      readonly control: SharedArrayBuffer;
      /** What was chosen for all threads of this worker. */
      readonly engine: EngineWish;
    }
  | { readonly op: 'close'; readonly job: string }
  | {
      readonly op: 'initialise';
      readonly job: string;
      readonly weights: ReadonlyMap<string, TensorArray> | null;
    }
  | { readonly op: 'restore'; readonly job: string; readonly step: number; readonly bytes: Uint8Array }
  | {
      readonly op: 'apply';
      readonly job: string;
      readonly step: number;
      readonly updates: readonly StepUpdate[];
      readonly lo: number;
      readonly hi: number;
    }
  /** `centre`: the fitness that the objective is to summarise. */
  | {
      readonly op: 'figures';
      readonly job: string;
      readonly step: number;
      readonly update: StepUpdate;
      readonly centre: number | null;
    }
  | { readonly op: 'digest'; readonly job: string; readonly step: number }
  | { readonly op: 'snapshot'; readonly job: string; readonly step: number }
  | {
      readonly op: 'evaluate';
      readonly job: string;
      readonly generation: number;
      readonly step: number;
      readonly layout: UnitLayout;
      readonly from: number;
      readonly to: number;
    };

/** What a worker knows of an objective before any job names it. */
export interface CatalogEntry {
  /** SHA-256 (hex) of its code. */
  readonly code: string;
  /** Milliseconds one evaluation may take; null for any time. */
  readonly timeout: number | null;
  /** It evaluates many members in one call. */
  readonly batched: boolean;
  /** It evaluates a population on an engine. */
  readonly population: boolean;
}

export interface EvaluatedUnits {
  readonly from: number;
  /** May end before the units asked for, when the thread is stuck. */
  readonly to: number;
  readonly scalars: Float64Array;
  readonly failures: (readonly [number, string])[];
  readonly auxiliaryUnits: number[];
  readonly auxiliaries: Float64Array;
  /** An evaluation hangs in this thread: it must be replaced. */
  readonly stuck: boolean;
}

/** Of a recent update, and the objective's own words on the centre. */
export interface Figures {
  readonly signal: number | null;
  readonly relativeStep: number | null;
  readonly summary: string | null;
}

export interface TaskResults {
  catalog: Readonly<Record<string, CatalogEntry>>;
  'choose-engine': EngineChoice;
  describe: ObjectiveDescription;
  open: null;
  close: null;
  initialise: null;
  restore: null;
  apply: null;
  figures: Figures;
  digest: string;
  snapshot: { readonly bytes: Uint8Array; readonly sha256: string };
  /** Null: the generation is no longer wanted. */
  evaluate: EvaluatedUnits | null;
}

export type ToThread =
  /** `tellBegin`: answer `begun` when its turn has come. */
  | { readonly type: 'task'; readonly id: number; readonly task: Task; readonly tellBegin: boolean }
  | { readonly type: 'abort'; readonly job: string; readonly generation: number };

export type FromThread =
  | { readonly type: 'begun'; readonly id: number }
  | { readonly type: 'done'; readonly id: number; readonly result: unknown }
  | {
      readonly type: 'failed';
      readonly id: number;
      readonly code: string;
      readonly message: string;
      readonly hint: string | null;
      readonly place: ErrorPlace | null;
    }
  | { readonly type: 'log'; readonly job: string | null; readonly message: string };
