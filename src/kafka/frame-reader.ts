import type { AnswerSpace } from './cluster.ts'

/** The largest answer that is believed: Kafka's own limit of a fetch is an int32. */
const MAX_FRAME = 0x7fff_ffff

/** Between large frames bytes are read into this much. */
const SCRATCH_BYTES = 65_536

/**
 * Cuts a byte stream into frames (a size of four bytes, then that many bytes). Two ways in: {@link push} takes chunks, a frame that spans
 * several is copied once, into a buffer of its own size; {@link space} and {@link filled} let a socket read into the frame itself, so that
 * a large one is not copied at all. kafkajs' own reader concatenates its chunks instead.
 */
export class FrameReader {
  readonly #deliver: (frame: Buffer) => void
  readonly #space: AnswerSpace
  readonly #sizeBytes = Buffer.alloc(4)
  readonly #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
  #sizeFilled = 0
  #frame: Buffer | undefined
  #filled = 0

  constructor(deliver: (frame: Buffer) => void, space: AnswerSpace = Buffer.allocUnsafeSlow) {
    this.#deliver = deliver
    this.#space = space
  }

  /** Where the next bytes may be read to. */
  space(): Buffer {
    return this.#frame?.subarray(this.#filled) ?? this.#scratch
  }

  /** So many bytes were read into {@link space}. Throws like {@link push}. */
  filled(bytes: number): void {
    if (this.#frame === undefined) this.#cut(this.#scratch.subarray(0, bytes), true)
    else this.#advance(bytes)
  }

  /** Throws if a size is impossible: whoever is at the other end does not speak Kafka. */
  push(chunk: Buffer): void {
    this.#cut(chunk, false)
  }

  #cut(chunk: Buffer, isReused: boolean): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#frame !== undefined) {
        const copied = chunk.copy(this.#frame, this.#filled, at)
        at += copied
        this.#advance(copied)
        continue
      }
      const taken = chunk.copy(this.#sizeBytes, this.#sizeFilled, at, at + 4 - this.#sizeFilled)
      at += taken
      this.#sizeFilled += taken
      if (this.#sizeFilled < 4) return
      this.#sizeFilled = 0
      const size = this.#sizeBytes.readInt32BE(0)
      if (size < 4 || size > MAX_FRAME || isTlsAlert(this.#sizeBytes)) throw new NotKafka(size)
      if (!isReused && chunk.length - at >= size) {
        this.#deliver(chunk.subarray(at, at + size))
        at += size
      } else {
        this.#frame = this.#space(size).subarray(0, size)
        this.#filled = 0
      }
    }
  }

  #advance(bytes: number): void {
    const frame = this.#frame!
    this.#filled += bytes
    if (this.#filled < frame.length) return
    this.#frame = undefined
    this.#deliver(frame)
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
