/** The largest answer that is believed: Kafka's own limit of a fetch is an int32. */
const MAX_FRAME = 0x7fff_ffff

/**
 * Cuts a byte stream into frames (a size of four bytes, then that many bytes). A frame that lies within one chunk is a view into it; one
 * that spans chunks is copied once, into a buffer of its own size. kafkajs' own reader concatenates its chunks instead.
 */
export class FrameReader {
  readonly #deliver: (frame: Buffer) => void
  readonly #sizeBytes = Buffer.alloc(4)
  #sizeFilled = 0
  #frame: Buffer | undefined
  #filled = 0

  constructor(deliver: (frame: Buffer) => void) {
    this.#deliver = deliver
  }

  /** Throws if a size is impossible: whoever is at the other end does not speak Kafka. */
  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#frame !== undefined) {
        const copied = chunk.copy(this.#frame, this.#filled, at)
        at += copied
        this.#filled += copied
        if (this.#filled < this.#frame.length) return
        const frame = this.#frame
        this.#frame = undefined
        this.#deliver(frame)
        continue
      }
      const taken = chunk.copy(this.#sizeBytes, this.#sizeFilled, at, at + 4 - this.#sizeFilled)
      at += taken
      this.#sizeFilled += taken
      if (this.#sizeFilled < 4) return
      this.#sizeFilled = 0
      const size = this.#sizeBytes.readInt32BE(0)
      if (size < 4 || size > MAX_FRAME || isTlsAlert(this.#sizeBytes)) throw new NotKafka(size)
      if (chunk.length - at >= size) {
        this.#deliver(chunk.subarray(at, at + size))
        at += size
      } else {
        this.#frame = Buffer.allocUnsafeSlow(size)
        this.#filled = 0
      }
    }
  }
}

/** The first bytes of a TLS alert (type 21, version 3.x) read as a size of 350 MB; no broker answers that to what we ask first. */
const isTlsAlert = (bytes: Buffer): boolean => bytes[0] === 0x15 && bytes[1] === 0x03

/** What came is not Kafka's protocol; most often a TLS listener that was spoken to in the clear. */
export class NotKafka extends Error {
  constructor(size: number) {
    super(`the answer starts with an impossible size, ${size}`)
    this.name = 'NotKafka'
  }
}
