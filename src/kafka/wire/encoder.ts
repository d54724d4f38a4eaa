/**
 * Writes the primitive types of Kafka's protocol (https://kafka.apache.org/protocol#protocol_types).
 * A flexible message (KIP-482) writes strings, bytes and arrays in their compact form and ends each structure with tagged fields;
 * one encoder serves both, so that a layout is written down once with its versions.
 */
export class Encoder {
  readonly flexible: boolean
  #buffer = Buffer.allocUnsafe(512)
  #length = 0

  constructor(flexible: boolean) {
    this.flexible = flexible
  }

  /** What was written so far, as a view. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  int8(value: number): this {
    const at = this.#grow(1)
    this.#buffer.writeInt8(value, at)
    return this
  }

  int16(value: number): this {
    const at = this.#grow(2)
    this.#buffer.writeInt16BE(value, at)
    return this
  }

  int32(value: number): this {
    const at = this.#grow(4)
    this.#buffer.writeInt32BE(value, at)
    return this
  }

  int64(value: bigint): this {
    const at = this.#grow(8)
    this.#buffer.writeBigInt64BE(value, at)
    return this
  }

  float64(value: number): this {
    const at = this.#grow(8)
    this.#buffer.writeDoubleBE(value, at)
    return this
  }

  boolean(value: boolean): this {
    return this.int8(value ? 1 : 0)
  }

  /** UNSIGNED_VARINT: seven bits a byte, lowest first. */
  uvarint(value: number): this {
    let rest = value >>> 0
    while (rest > 127) {
      this.int8(((rest & 127) | 128) - 256)
      rest >>>= 7
    }
    return this.int8(rest)
  }

  string(value: string): this {
    return this.nullableString(value)
  }

  nullableString(value: string | null): this {
    if (value === null) return this.flexible ? this.uvarint(0) : this.int16(-1)
    const size = Buffer.byteLength(value)
    if (this.flexible) this.uvarint(size + 1)
    else this.int16(size)
    const at = this.#grow(size)
    this.#buffer.write(value, at, size, 'utf8')
    return this
  }

  bytes(value: Uint8Array): this {
    if (this.flexible) this.uvarint(value.length + 1)
    else this.int32(value.length)
    const at = this.#grow(value.length)
    this.#buffer.set(value, at)
    return this
  }

  uuid(value: Uint8Array): this {
    const at = this.#grow(16)
    this.#buffer.set(value, at)
    return this
  }

  /** An array; `each` writes one element and, in a flexible message, its tagged fields if it is a structure. */
  array<T>(values: Iterable<T> | null, each: (value: T) => void): this {
    if (values === null) return this.flexible ? this.uvarint(0) : this.int32(-1)
    const list = Array.isArray(values) ? values : [...values]
    if (this.flexible) this.uvarint(list.length + 1)
    else this.int32(list.length)
    for (const value of list) each(value)
    return this
  }

  /** Ends a structure: no tagged fields. Nothing in a message that is not flexible. */
  tags(): this {
    return this.flexible ? this.uvarint(0) : this
  }

  #grow(size: number): number {
    const at = this.#length
    this.#length += size
    if (this.#length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#length, this.#buffer.length * 2))
      this.#buffer.copy(larger, 0, 0, at)
      this.#buffer = larger
    }
    return at
  }
}
