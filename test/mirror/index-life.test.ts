import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { GapList } from '../../src/domain/gap-list.ts'
import type { PartitionKey, SourceOffset, TargetOffset } from '../../src/domain/ids.ts'
import { runsOf } from '../../src/domain/index-runs.ts'
import type { Mark } from '../../src/domain/mark.ts'
import { expectedTargetEnd, type OffsetIndex } from '../../src/domain/offset-index.ts'
import { translateOffset } from '../../src/domain/translate-offset.ts'
import { checkTail } from '../../src/mirror/check-tail.ts'
import { MarkedOffsets } from '../../src/mirror/marked-offsets.ts'
import { ATTRIBUTES, encodeBatch } from '../../src/records/index.ts'
import { markAt } from '../domain/offset-model.ts'

const KEY = 'orders:0' as PartitionKey

/** What a producer wrote to the source: records, or what no consumer sees. */
const written = fc.oneof(
  { weight: 5, arbitrary: fc.record({ records: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 2, arbitrary: fc.record({ aborted: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 2, arbitrary: fc.constant({ marker: 1 }) },
)

/** What happens to a mirror. */
const event = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('copy' as const),
      read: fc.integer({ min: 1, max: 25 }),
      batch: fc.integer({ min: 1, max: 7 }),
      /** Killed before its gaps were stored, before anything was sent, or after so many batches and markers. */
      killed: fc.option(fc.oneof(fc.constant('unstored' as const), fc.nat(4)), { freq: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'restart' as const }) },
  // The source's cleaner takes records, copied ones and others.
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('clean' as const),
      every: fc.integer({ min: 2, max: 5 }),
    }),
  },
  // An unclean election on the target.
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('lose' as const),
      batches: fc.integer({ min: 1, max: 3 }),
    }),
  },
)

const stranger = fc.record({
  records: fc.integer({ min: 1, max: 3 }),
  /** Without a producer id, of another one, or what looks like a batch of ours that came twice. */
  who: fc.constantFrom('nobody', 'other', 'twice'),
})

interface Logged {
  readonly base: number
  readonly end: number
  readonly bytes: Buffer
}

/** Both logs as plain lists, and a mirror that knows only what it stored and what it reads. */
class Life {
  readonly mark: Mark
  /** True where a consumer of the source finds a record. */
  readonly source: boolean[]
  /** Where each record went, one by one: what the index must agree with. */
  placed: { readonly source: number; readonly target: number }[] = []
  #log: Logged[] = []
  readonly #stored = new GapList()
  #checkedTo: number
  #offsets: MarkedOffsets
  #next: number

  constructor(mark: Mark, source: readonly boolean[]) {
    this.mark = mark
    this.source = [...source]
    this.#checkedTo = Number(mark.targetStart)
    this.#offsets = new MarkedOffsets(mark)
    this.#next = Number(mark.sourceStart)
  }

  get #end(): number {
    return this.#log.at(-1)?.end ?? Number(this.mark.targetStart)
  }

  copy(read: number, size: number, killed: 'unstored' | number | null): void {
    const start = Number(this.mark.sourceStart)
    const from = this.#next
    const to = Math.min(from + read, start + this.source.length)
    const { gaps } = this.#offsets
    gaps.truncate(from)
    for (let o = from; o < to; o++) if (!this.source[o - start]) gaps.append(o, o + 1)
    if (killed === 'unstored') return
    // Gaps are stored before what is behind them is sent.
    this.#stored.readInto(from, gaps.bytesFrom(from))
    let left = killed ?? Number.POSITIVE_INFINITY
    let batch: number[] = []
    const send = (): void => {
      if (batch.length > 0 && left-- > 0) this.#append(batch)
      batch = []
    }
    for (let o = from; o < to; o++) {
      if (this.source[o - start]) {
        batch.push(o)
        if (batch.length === size) send()
      } else if (this.mark.mode === 'identical') {
        send()
        if (left-- > 0) this.#appendMarker()
      }
    }
    send()
    if (killed === null) this.#next = to
  }

  #append(sources: readonly number[]): void {
    const base = this.#end
    for (const [i, source] of sources.entries()) this.placed.push({ source, target: base + i })
    this.#write({
      base,
      records: sources.length,
      producerId: this.mark.producerId,
      baseSequence: this.placed.length - sources.length,
    })
  }

  #appendMarker(): void {
    const control = ATTRIBUTES.transactional | ATTRIBUTES.control
    this.#write({
      base: this.#end,
      records: 1,
      producerId: this.mark.fillerProducerId,
      baseSequence: -1,
      attributes: control,
    })
  }

  #write(batch: {
    readonly base: number
    readonly records: number
    readonly producerId: bigint
    readonly baseSequence: number
    readonly attributes?: number
  }): void {
    const record = { timestamp: 1, key: null, value: Buffer.from('v') }
    const bytes = encodeBatch({
      ...batch,
      baseOffset: batch.base,
      epoch: this.mark.producerEpoch,
      records: Array.from({ length: batch.records }, () => record),
    })
    this.#log.push({ base: batch.base, end: batch.base + batch.records, bytes })
  }

  clean(every: number): void {
    for (let i = 0; i < this.source.length; i += every) this.source[i] = false
  }

  lose(batches: number): void {
    this.#log = this.#log.slice(0, Math.max(0, this.#log.length - batches))
    this.placed = this.placed.filter(({ target }) => target < this.#end)
    this.#checkedTo = Math.min(this.#checkedTo, this.#end)
  }

  /** Somebody else writes; answers the range. */
  intrude({ records, who }: { readonly records: number; readonly who: string }) {
    const from = this.#end
    this.#write({
      base: from,
      records,
      producerId: who === 'nobody' ? -1n : who === 'other' ? 4_711n : this.mark.producerId,
      // A batch that came twice has the sequence of the place where it belongs.
      baseSequence: who === 'twice' ? Math.max(0, this.placed.length - records) + 2 ** 20 : 0,
    })
    return { from, to: from + records }
  }

  /** Begins anew from what is stored and what the target holds. */
  async restart() {
    const offsets = new MarkedOffsets(this.mark)
    offsets.resume({ gaps: this.#stored, diverged: null })
    const tail = await checkTail(
      {
        key: KEY,
        producerId: Number(this.mark.producerId),
        producerEpoch: this.mark.producerEpoch,
        ...offsets.markers,
        sequenceOf: (offset) => offsets.sequenceOf(offset),
      },
      async (_, offset) =>
        Buffer.concat(this.#log.filter(({ end }) => end > offset).map(({ bytes }) => bytes)),
      { from: this.#checkedTo, end: this.#end },
      new AbortController().signal,
    )
    this.#checkedTo = Math.max(this.#checkedTo, tail.checkedTo)
    this.#offsets = offsets
    this.#next = offsets.sourceOf(this.#checkedTo)
    return tail
  }

  /** The index as it is now says, in both directions and as runs, what the plain list says. */
  agrees(): void {
    const offsets = this.#offsets
    const mirroredTo = BigInt(this.#next) as SourceOffset
    const index: OffsetIndex = { mark: this.mark, gaps: offsets.gaps, mirroredTo }
    const start = Number(this.mark.sourceStart)
    const last = this.placed.at(-1)?.source ?? start - 1
    ok(this.#next > last, `it would copy ${this.#next} again`)
    for (let o = last + 1; o < this.#next; o++) {
      // Whatever was there has become a gap before it was copied.
      ok(offsets.gaps.at(o) !== undefined, `it would leave out ${o}`)
    }
    let n = 0
    for (let o = start; o <= this.#next; o++) {
      while (n < this.placed.length && this.placed[n]!.source < o) n++
      const target = this.placed[n]?.target ?? Number(expectedTargetEnd(index))
      deepStrictEqual(translateOffset(index, BigInt(o) as SourceOffset), {
        kind: 'at',
        target: BigInt(target) as TargetOffset,
      })
    }
    for (const { source, target } of this.placed) strictEqual(offsets.sourceOf(target), source)
    const listed = [...runsOf(index)].flatMap(({ from, to, target }) =>
      Array.from({ length: Number(to - from) }, (_, i) => ({
        source: Number(from) + i,
        target: Number(target) + i,
      })),
    )
    deepStrictEqual(listed, this.placed)
  }
}

const life = fc
  .record({
    mode: fc.constantFrom('identical' as const, 'dense' as const),
    start: fc.bigInt(0n, 40n),
    targetStart: fc.bigInt(0n, 40n),
    produced: fc.array(written, { minLength: 1, maxLength: 25 }),
  })
  .map(({ mode, start, targetStart, produced }) => {
    const source = produced.flatMap((each) =>
      'records' in each
        ? Array.from({ length: each.records }, () => true)
        : // An aborted transaction ends in a marker.
          Array.from({ length: 'aborted' in each ? each.aborted + 1 : 1 }, () => false),
    )
    const mark = mode === 'identical' ? markAt(mode, start) : markAt(mode, start, targetStart)
    return new Life(mark, source)
  })

const events = fc.array(event, { maxLength: 25 })

const live = async (of: Life, all: typeof events extends fc.Arbitrary<infer T> ? T : never) => {
  for (const each of all) {
    if (each.kind === 'copy') {
      of.copy(each.read, each.batch, each.killed)
      if (each.killed === null) of.agrees()
      else await restarted(of)
    } else {
      if (each.kind === 'clean') of.clean(each.every)
      if (each.kind === 'lose') of.lose(each.batches)
      await restarted(of)
    }
  }
}

const restarted = async (of: Life): Promise<void> => {
  const { problem, overshoot } = await of.restart()
  deepStrictEqual([problem, overshoot], [undefined, undefined])
  of.agrees()
}

describe('the offset index of a partition that is mirrored', () => {
  it('agrees with a plain list over holes, aborted ranges, kills, losses and cleaning, in both directions', async () => {
    await fc.assert(fc.asyncProperty(life, events, live), { numRuns: 400 })
  })

  it('names what a stranger wrote, and stays right below it', async () => {
    await fc.assert(
      fc.asyncProperty(life, events, stranger, events, async (of, before, who, after) => {
        await live(of, before)
        const { from, to } = of.intrude(who)
        // A mirror that was running sees a base offset that it did not expect, and begins anew as well.
        for (const _ of [0, ...after]) {
          const { problem, checkedTo } = await of.restart()
          strictEqual(problem?.code, 'FERRY1604')
          const range = to - from === 1 ? `offset ${from}` : `offsets ${from} to ${to - 1}`
          match(problem.detail, new RegExp(`${range} `))
          strictEqual(checkedTo, from)
          of.agrees()
        }
      }),
      { numRuns: 200 },
    )
  })
})
