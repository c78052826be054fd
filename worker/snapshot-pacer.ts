// When a snapshot pays: once replaying what came since the last one takes as long as loading one, and never so often
// that writing takes more than a twentieth of the time. Times are measured, not guessed.
import type { Clock } from '../shared/ports.js';

/** Milliseconds of replay below which nobody minds. */
const LEAST_REPLAY = 1000;
/** Times the replay that pays, before a step without a digest will do. */
const PATIENCE = 10;
/** Largest share of the time that may go into writing. */
const WRITING_SHARE = 0.05;

export class SnapshotPacer {
  private replay = 0;
  private loading = 0;
  private writing = 0;
  private writtenAt: number;

  constructor(private readonly clock: Pick<Clock, 'now'>) {
    this.writtenAt = clock.now();
  }

  /** A replica was loaded in this many milliseconds. */
  loaded(milliseconds: number): void {
    this.loading = milliseconds;
    this.replay = 0;
  }

  applied(milliseconds: number): void {
    this.replay += milliseconds;
  }

  written(milliseconds: number): void {
    this.writing = milliseconds;
    this.replay = 0;
    this.writtenAt = this.clock.now();
  }

  /**
   * `digested`: workers agree on a digest of this step, so the ledger will vouch for a snapshot of it. Others are taken only
   * where the next such step is far.
   */
  due(digested: boolean): boolean {
    const since = this.clock.now() - this.writtenAt;
    const least = Math.max(LEAST_REPLAY, this.loading) * (digested ? 1 : PATIENCE);
    return this.replay >= least && since * WRITING_SHARE >= this.writing;
  }
}
