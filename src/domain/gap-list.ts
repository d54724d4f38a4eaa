import type { SourceOffset } from './ids.ts'

/** A run of source offsets that hold no mirrored record: markers, aborted or compacted records. `from` is inclusive, `to` exclusive. */
export interface Gap {
  readonly from: SourceOffset
  readonly to: SourceOffset
}

/** The same in plain numbers, as the list keeps them. */
export interface GapRange {
  readonly from: number
  readonly to: number
}

/** A gap with what lies before it. */
interface Found extends GapRange {
  /** End of the gap before, or 0. */
  readonly after: number
  /** Offsets in all gaps before it. */
  readonly missing: number
}

/** So many gaps are read one by one at most; the place and sums before each such group are kept. */
const GROUP = 64
/** Most partitions have no gap at all. */
const NO_BYTES = new Uint8Array(0)

/**
 * The gaps of one partition, ascending, disjoint and not touching. A transactional topic has one for every commit, so they are kept as
 * bytes: the distance from the end of the one before, and the length where that is not 1; two bytes for a commit every 30 to 8,000
 * records. A lookup is a binary search over groups. Offsets are numbers here, up to 2^53 - 1.
 *
 *     Gap => first UINT8 (bit 0: a length follows; bits 1 to 6: distance mod 64; bit 7: more of the distance), [distance / 64 UVARINT],
 *            [length - 2 UVARINT]
 */
export class GapList implements Iterable<Gap> {
  #bytes: Uint8Array = NO_BYTES
  #length = 0
  #count = 0
  /** End and missing offsets of the gaps in `#bytes`. */
  #end = 0
  #missing = 0
  /** The last gap is kept open, since the next may touch it. */
  #openFrom = -1
  #openTo = -1
  readonly #groupAt: number[] = []
  readonly #groupEnd: number[] = []
  readonly #groupMissing: number[] = []
  #at = 0

  static of(gaps: Iterable<{ readonly from: bigint | number; readonly to: bigint | number }>) {
    const list = new GapList()
    for (const { from, to } of gaps) list.append(Number(from), Number(to))
    return list
  }

  /** How many gaps. */
  get count(): number {
    return this.#count + (this.#openFrom < 0 ? 0 : 1)
  }

  /** What the list takes in memory, about. */
  get bytes(): number {
    return this.#length + this.#groupAt.length * 24
  }

  /** The end of the last gap; 0 if there is none. */
  get end(): number {
    return this.#openFrom < 0 ? this.#end : this.#openTo
  }

  /** Adds offsets behind all that are there; what touches the last gap becomes a part of it. Throws RangeError. */
  append(from: number, to: number): void {
    if (!(from >= this.end && from < to && Number.isSafeInteger(to) && from >= 0)) {
      throw new RangeError(`a gap from ${from} to ${to} does not follow ${this.end}`)
    }
    if (this.count > 0 && from === this.end) {
      if (this.#openFrom < 0) this.#reopen()
      this.#openTo = to
      return
    }
    this.#close()
    this.#openFrom = from
    this.#openTo = to
  }

  /** Forgets everything at and above an offset. */
  truncate(offset: number): void {
    if (offset >= this.end) return
    const group = this.#groupBefore(offset)
    const kept = this.#cut(group)
    for (const { from, to } of kept) {
      if (from < offset) this.append(from, Math.min(to, offset))
    }
  }

  /** How many offsets below `offset` are in gaps. */
  missingBelow(offset: number): number {
    if (offset >= this.end) return this.#total()
    const next = this.#first((gap) => gap.to > offset)
    if (next === undefined) return this.#total()
    return next.from < offset ? next.missing + offset - next.from : next.missing
  }

  /** The gap that holds this offset. */
  at(offset: number): GapRange | undefined {
    const gap = this.#first((one) => one.to > offset)
    return gap !== undefined && gap.from <= offset ? { from: gap.from, to: gap.to } : undefined
  }

  /** The run without gaps that holds this offset, which is in none: `from` 0 and `to` infinite where there is no gap. */
  runAround(offset: number): GapRange {
    const next = this.#first((gap) => gap.to > offset)
    return next === undefined
      ? { from: this.end, to: Number.POSITIVE_INFINITY }
      : { from: next.after, to: next.from }
  }

  /** The first offset at or above `start` that is in no gap and has `rank` such offsets below it; behind a gap that begins there. */
  offsetOfRank(start: number, rank: number): number {
    // Almost always it is asked about the end.
    if (this.#openFrom >= 0 && this.#openFrom - start - this.#missing <= rank) {
      return start + rank + this.#total()
    }
    const next = this.#first((gap) => gap.from - start - gap.missing > rank)
    return start + rank + (next === undefined ? this.#total() : next.missing)
  }

  /** The gaps at and above an offset, each as it is written; {@link readInto} takes them back. */
  bytesFrom(offset: number): Uint8Array {
    const copy = new GapList()
    copy.#end = offset
    for (const gap of this.#from(this.#groupBefore(offset))) {
      if (gap.to > offset) copy.append(Math.max(gap.from, offset), gap.to)
    }
    copy.#close()
    return copy.#bytes.subarray(0, copy.#length)
  }

  /** Replaces everything at and above an offset by what {@link bytesFrom} gave for it. Throws RangeError if they are no gaps. */
  readInto(offset: number, bytes: Uint8Array): void {
    this.truncate(offset)
    const reader = new GapReader(bytes, 0, bytes.length, offset)
    while (reader.next()) this.append(reader.from, reader.to)
  }

  *[Symbol.iterator](): Iterator<Gap> {
    for (const { from, to } of this.#from(0)) {
      yield { from: BigInt(from) as SourceOffset, to: BigInt(to) as SourceOffset }
    }
  }

  #total(): number {
    return this.#missing + (this.#openFrom < 0 ? 0 : this.#openTo - this.#openFrom)
  }

  /** Writes the open gap. */
  #close(): void {
    if (this.#openFrom < 0) return
    if (this.#count % GROUP === 0) {
      this.#groupAt.push(this.#length)
      this.#groupEnd.push(this.#end)
      this.#groupMissing.push(this.#missing)
    }
    this.#write(this.#openFrom - this.#end, this.#openTo - this.#openFrom)
    this.#count++
    this.#missing += this.#openTo - this.#openFrom
    this.#end = this.#openTo
    this.#openFrom = -1
  }

  /** Takes the last written gap back to be the open one. */
  #reopen(): void {
    const last = this.#cut(this.#groupAt.length - 1)
    for (const { from, to } of last) {
      this.#close()
      this.#openFrom = from
      this.#openTo = to
    }
  }

  /** Takes all gaps from a group on out of the list. */
  #cut(group: number): readonly GapRange[] {
    const gaps = [...this.#from(group)]
    this.#length = this.#groupAt[group] ?? this.#length
    this.#end = this.#groupEnd[group] ?? this.#end
    this.#missing = this.#groupMissing[group] ?? this.#missing
    this.#count = Math.min(this.#count, group * GROUP)
    for (const list of [this.#groupAt, this.#groupEnd, this.#groupMissing]) {
      list.length = Math.min(group, list.length)
    }
    this.#openFrom = -1
    return gaps
  }

  #write(distance: number, length: number): void {
    if (this.#length + 24 > this.#bytes.length) {
      // By a quarter: the list of a topic that is full of holes is what a mirror has most of in memory.
      const grown = new Uint8Array(Math.ceil(this.#bytes.length * 1.25) + 24)
      grown.set(this.#bytes.subarray(0, this.#length))
      this.#bytes = grown
    }
    this.#at = this.#length
    const rest = Math.floor(distance / 64)
    this.#bytes[this.#at++] = (rest > 0 ? 128 : 0) | ((distance % 64) << 1) | (length === 1 ? 0 : 1)
    if (rest > 0) this.#writeVarint(rest)
    if (length !== 1) this.#writeVarint(length - 2)
    this.#length = this.#at
  }

  #writeVarint(value: number): void {
    let rest = value
    for (; rest > 127; rest = Math.floor(rest / 128)) this.#bytes[this.#at++] = (rest % 128) | 128
    this.#bytes[this.#at++] = rest
  }

  /** The last group whose gaps before it all end at or below the offset. */
  #groupBefore(offset: number): number {
    let low = 0
    let high = this.#groupEnd.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#groupEnd[middle]! <= offset) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }

  /** The first gap that the test holds for: it must hold for all that follow, too. */
  #first(holds: (gap: Found) => boolean): Found | undefined {
    // The last group whose first gap the test does not hold for yet.
    let low = 0
    let high = this.#groupAt.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const first = this.#from(middle).next().value as Found
      if (holds(first)) high = middle
      else low = middle + 1
    }
    for (const gap of this.#from(Math.max(0, low - 1))) if (holds(gap)) return gap
    return undefined
  }

  /** All gaps from a group on, the open one too. */
  *#from(group: number): Generator<Found, undefined> {
    let missing = this.#groupMissing[group] ?? this.#missing
    let after = this.#groupEnd[group] ?? this.#end
    const at = this.#groupAt[group] ?? this.#length
    const reader = new GapReader(this.#bytes, at, this.#length, after)
    while (reader.next()) {
      const { from, to } = reader
      yield { from, to, after, missing }
      missing += to - from
      after = to
    }
    if (this.#openFrom >= 0) yield { from: this.#openFrom, to: this.#openTo, after, missing }
    return undefined
  }
}

/** Reads what `GapList` writes. */
class GapReader {
  from = 0
  to: number
  readonly #bytes: Uint8Array
  #at: number
  readonly #end: number

  constructor(bytes: Uint8Array, at: number, end: number, after: number) {
    this.#bytes = bytes
    this.#at = at
    this.#end = end
    this.to = after
  }

  next(): boolean {
    if (this.#at >= this.#end) return false
    const first = this.#bytes[this.#at++]!
    let distance = (first >> 1) & 63
    if (first & 128) distance += this.#varint() * 64
    this.from = this.to + distance
    this.to = this.from + (first & 1 ? this.#varint() + 2 : 1)
    return true
  }

  #varint(): number {
    let value = 0
    for (let factor = 1; this.#at < this.#end && factor < 2 ** 56; factor *= 128) {
      const byte = this.#bytes[this.#at++]!
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
    throw new RangeError('a gap is cut off')
  }
}
