// Ways an evaluation fails that the runner treats apart from an ordinary error.

/** Took longer than its timeout. It is not tried again in this thread: it would most likely hang again. */
export class EvaluationTimeout extends Error {
  override readonly name = 'EvaluationTimeout';
}
