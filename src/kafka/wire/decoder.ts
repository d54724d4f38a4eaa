/** An answer that is not what the protocol says: too short, or with a number that this client cannot hold. */
export class MalformedAnswer extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'MalformedAnswer'
  }
}

/** An int64 as a number. Offsets and sizes fit by far; one that does not is refused instead of rounded. */
export const safeNumber = (value: bigint): number => {
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw new MalformedAnswer(`the number ${value} is too large`)
  return number
}

/** Reads what {@link Encoder} writes. Reading past the end throws a RangeError: an answer that was cut off never looks complete. */
export class Decoder {
  readonly flexible: boolean
  readonly #buffer: Buffer
  #at: number

  constructor(buffer: Buffer, flexible: boolean, at = 0) {
    this.#buffer = buffer
    this.flexible = flexible
    this.#at = at
  }

  int8(): number {
    const value = this.#buffer.readInt8(this.#at)
    this.#at += 1
    return value
  }

  int16(): number {
    const value = this.#buffer.readInt16BE(this.#at)
    this.#at += 2
    return value
  }

  int32(): number {
    const value = this.#buffer.readInt32BE(this.#at)
    this.#at += 4
    return value
  }

  int64(): bigint {
    const value = this.#buffer.readBigInt64BE(this.#at)
    this.#at += 8
    return value
  }

  /** An int64 as a number, refused above 2^53. */
  safeInt64(): number {
    const value =
      this.#buffer.readInt32BE(this.#at) * 4294967296 + this.#buffer.readUInt32BE(this.#at + 4)
    if (!Number.isSafeInteger(value)) throw new MalformedAnswer(`the number ${value} is too large`)
    this.#at += 8
    return value
  }

  float64(): number {
    const value = this.#buffer.readDoubleBE(this.#at)
    this.#at += 8
    return value
  }

  boolean(): boolean {
    return this.int8() !== 0
  }

  uvarint(): number {
    let value = 0
    let factor = 1
    for (;;) {
      const byte = this.#buffer.readUInt8(this.#at++)
      value += (byte & 127) * factor
      if (byte < 128) return value
      factor *= 128
      if (factor > 2 ** 35) throw new MalformedAnswer('a varint is longer than five bytes')
    }
  }

  string(): string {
    const value = this.nullableString()
    if (value === null) throw new MalformedAnswer('a string is null')
    return value
  }

  nullableString(): string | null {
    const size = this.flexible ? this.uvarint() - 1 : this.int16()
    return size < 0 ? null : this.#take(size).toString('utf8')
  }

  /** A view, not a copy. Null reads as empty. */
  bytes(): Buffer {
    const size = this.flexible ? this.uvarint() - 1 : this.int32()
    return this.#take(Math.max(size, 0))
  }

  uuid(): Buffer {
    return this.#take(16)
  }

  /** Null reads as empty; where that is a difference use {@link nullableArray}. */
  array<T>(each: () => T): T[] {
    return this.nullableArray(each) ?? []
  }

  nullableArray<T>(each: () => T): T[] | null {
    const length = this.flexible ? this.uvarint() - 1 : this.int32()
    if (length < 0) return null
    const values: T[] = []
    for (let i = 0; i < length; i++) values.push(each())
    return values
  }

  /** Ends a structure of a flexible message: skips tagged fields, all of which are optional by definition. */
  tags(): void {
    if (!this.flexible) return
    for (let count = this.uvarint(); count > 0; count--) {
      this.uvarint()
      this.#take(this.uvarint())
    }
  }

  #take(size: number): Buffer {
    const end = this.#at + size
    if (end > this.#buffer.length) {
      throw new MalformedAnswer(`${end - this.#buffer.length} bytes are missing`)
    }
    const view = this.#buffer.subarray(this.#at, end)
    this.#at = end
    return view
  }
}
