// What a coordinator is given: its ports, its name, and what an operator may set.
import type { Bus } from '../shared/bus/port.js';
import type { Clock } from '../shared/ports.js';
import type { Names } from '../shared/wire/subjects.js';

export interface CoordinatorOptions {
  readonly bus: Bus;
  readonly names: Names;
  readonly clock: Clock;
  /** Unique to this process. */
  readonly holder: string;
  /** Milliseconds without a renewal after which a standby takes over. Default 2,000. */
  readonly leaseTtl?: number;
  /** Replicas of each stream. Default 1. */
  readonly replicas?: number;
  /** Bytes that the ledger and evidence streams may take; -1 for no limit. Default -1. */
  readonly maxBytes?: number;
  /**
   * Unfinished jobs that it goes on with when it begins to lead; the others stay as they are until someone submits or
   * controls them. Default: all.
   */
  readonly takeUp?: readonly string[];
  readonly log: (message: string, details?: Record<string, unknown>) => void;
  /** Named points at which tests end the process. Default: none. */
  readonly failpoint?: (name: string) => void;
}
