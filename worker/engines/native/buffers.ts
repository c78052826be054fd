// Memory of a run's tensors, used again by the next: a step makes the same shapes over and over, and fresh pages cost as
// much as the arithmetic of small layers. What one run did not ask for is given back when it ends. Contents are whatever
// was there before: for results that are written whole.

type Sized = Int8ArrayConstructor | Int32ArrayConstructor | Float32ArrayConstructor;

export class Buffers {
  #free = new Map<number, ArrayBuffer[]>();
  #taken: ArrayBuffer[] = [];

  int8(length: number): Int8Array {
    return this.#take(Int8Array, length) as Int8Array;
  }

  int32(length: number): Int32Array {
    return this.#take(Int32Array, length) as Int32Array;
  }

  float32(length: number): Float32Array {
    return this.#take(Float32Array, length) as Float32Array;
  }

  /** The end of a run: arrays taken since the last call may be handed out again. */
  recycle(): void {
    this.#free = new Map();
    for (const buffer of this.#taken) {
      const same = this.#free.get(buffer.byteLength);
      if (same === undefined) this.#free.set(buffer.byteLength, [buffer]);
      else same.push(buffer);
    }
    this.#taken = [];
  }

  #take(kind: Sized, length: number): Int8Array | Int32Array | Float32Array {
    const bytes = Math.ceil((length * kind.BYTES_PER_ELEMENT) / 64) * 64;
    const buffer = this.#free.get(bytes)?.pop() ?? new ArrayBuffer(bytes);
    this.#taken.push(buffer);
    return new kind(buffer, 0, length);
  }
}
