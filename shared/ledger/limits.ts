// What bounds a record; apart from records.ts, so that the job estimate need not know the ledger.

/** Bytes of coefficients in one record at most, so that it fits any server's default message size. */
export const MAX_COEFFICIENT_BYTES = 512 * 1024;
