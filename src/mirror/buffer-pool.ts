const SMALLEST = 16 * 1024

/**
 * Buffers by powers of two that are used again. Memory outside of V8's heap is seen late by its garbage collector: fresh buffers for
 * every answer cost a quarter of the CPU and doubled the resident memory (measured). Out and kept together stay below `mostBytes`, but for
 * what is {@link need needed}. A buffer of a request that failed is never given back: its socket may still use it.
 */
export class BufferPool {
  readonly #most: number
  readonly #free = new Map<number, Buffer[]>()
  #out = 0
  #kept = 0

  constructor(mostBytes: number) {
    this.#most = mostBytes
  }

  /** Bytes that are out or kept. */
  get bytes(): number {
    return this.#out + this.#kept
  }

  /** A buffer of at least `bytes`, or undefined if too much is out already. */
  take(bytes: number): Buffer | undefined {
    return this.#out + sizeFor(bytes) > this.#most ? undefined : this.need(bytes)
  }

  /** Like {@link take} for bytes that are on their way: they are there, whatever the bound says. */
  need(bytes: number): Buffer {
    const size = sizeFor(bytes)
    this.#out += size
    const free = this.#free.get(size)?.pop()
    if (free === undefined) {
      this.#dropOthers()
      return Buffer.allocUnsafeSlow(size)
    }
    this.#kept -= size
    return free
  }

  give(buffer: Buffer): void {
    this.#out -= buffer.length
    if (this.bytes + buffer.length > this.#most) return
    this.#kept += buffer.length
    const free = this.#free.get(buffer.length)
    if (free === undefined) this.#free.set(buffer.length, [buffer])
    else free.push(buffer)
  }

  /** For a buffer that may still be used: it is no longer counted, and left to the garbage collector. */
  forget(buffer: Buffer): void {
    this.#out -= buffer.length
  }

  /** Sizes change with the load: what is kept of one must not stand beside what is out of another. */
  #dropOthers(): void {
    for (const [size, free] of this.#free) {
      while (this.bytes > this.#most && free.length > 0) {
        free.pop()
        this.#kept -= size
      }
    }
  }
}

const sizeFor = (bytes: number): number => {
  let size = SMALLEST
  while (size < bytes) size *= 2
  return size
}
