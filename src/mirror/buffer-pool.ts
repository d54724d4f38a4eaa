const SMALLEST = 16 * 1024
/** Free buffers that are kept per size. */
const KEPT = 32

/**
 * Output buffers of merging, by powers of two, bounded in total. A buffer of a request that failed is never given back: its socket may
 * still read from it.
 */
export class BufferPool {
  readonly #most: number
  readonly #free = new Map<number, Buffer[]>()
  #out = 0

  constructor(mostBytes: number) {
    this.#most = mostBytes
  }

  /** A buffer of at least `bytes`, or undefined if too much is out already. */
  take(bytes: number): Buffer | undefined {
    let size = SMALLEST
    while (size < bytes) size *= 2
    if (this.#out + size > this.#most) return undefined
    this.#out += size
    return this.#free.get(size)?.pop() ?? Buffer.allocUnsafeSlow(size)
  }

  give(buffer: Buffer): void {
    this.#out -= buffer.length
    const free = this.#free.get(buffer.length)
    if (free === undefined) this.#free.set(buffer.length, [buffer])
    else if (free.length < KEPT) free.push(buffer)
  }

  /** For a buffer that may still be read: it is no longer counted, and left to the garbage collector. */
  forget(buffer: Buffer): void {
    this.#out -= buffer.length
  }
}
