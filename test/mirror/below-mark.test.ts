import { describe, expect, it } from 'vitest'
import type { ClusterId, SourceOffset, TargetOffset, TopicName } from '../../src/domain/ids.ts'
import { partitionKey } from '../../src/domain/ids.ts'
import type { Mark } from '../../src/domain/mark.ts'
import { hideBelowMark } from '../../src/mirror/below-mark.ts'
import type { LogReader } from '../../src/mirror/log-reader.ts'
import { ATTRIBUTES, encodeBatch, lastOffset } from '../../src/records/index.ts'

/** What batch headers tell of what lies below a mark. That brokers bring it back: `target-killed.test.ts`, `test/faults/broker-crash.test.ts`. */

const TOPIC = 't' as TopicName
const KEY = partitionKey(TOPIC, 0)
const MARK_AT = 10
const [OURS, FILLER, EARLIER, THEIRS] = [7, 8, 4, 4711]

const mark = (parts: Partial<Mark> = {}): Mark => ({
  topic: TOPIC,
  partition: 0,
  sourceCluster: 's' as ClusterId,
  targetCluster: 't' as ClusterId,
  targetTopicId: 'id',
  sourceStart: 10n as SourceOffset,
  targetStart: BigInt(MARK_AT) as TargetOffset,
  mode: 'identical',
  producerId: BigInt(OURS),
  producerEpoch: 0,
  fillerProducerId: BigInt(FILLER),
  at: '',
  ...parts,
})

const batch = (producer: number, base: number, count: number, sequence = base): Buffer =>
  encodeBatch({
    baseOffset: base,
    ...(producer >= 0 && { producerId: BigInt(producer), epoch: 0, baseSequence: sequence }),
    records: Array.from({ length: count }, () => ({ timestamp: 1, key: null, value: null })),
  })

const marker = (base: number): Buffer =>
  encodeBatch({
    baseOffset: base,
    producerId: BigInt(FILLER),
    epoch: 0,
    attributes: ATTRIBUTES.transactional | ATTRIBUTES.control,
    records: [{ timestamp: 1, key: Buffer.alloc(4), value: Buffer.alloc(6) }],
  })

interface Log {
  readonly batches: readonly Buffer[]
  readonly start?: number
  readonly mark?: Partial<Mark>
  readonly topic?: 'absent' | { readonly topicId?: string }
  /** Of the leader, where not all is replicated. */
  readonly logEnd?: number
  readonly copiedTo?: number
}

/** Up to where it was deleted, or why not. */
const hide = async ({
  batches,
  start = 0,
  mark: parts,
  topic = { topicId: 'id' },
  logEnd,
  copiedTo = MARK_AT,
}: Log) => {
  const end = Math.max(0, ...batches.map((each) => lastOffset(each, 0) + 1))
  let deleted: number | undefined
  const targetLog = {
    ends: async () => ({ start: Math.max(start, deleted ?? 0), end }),
    logEnd: async () => ({ leaderEpoch: 0, end: logEnd ?? end }),
    topic: async () => topic,
    read: async (_: string, offset: number) =>
      Buffer.concat(batches.filter((each) => lastOffset(each, 0) >= offset)),
  } as unknown as LogReader
  const target = {
    deleteRecords: async (to: ReadonlyMap<string, bigint>) => {
      deleted = Number([...to.values()][0])
      return { ok: to, failed: new Map() }
    },
  }
  const hidden = await hideBelowMark(
    { key: KEY, mark: mark(parts), copiedTo },
    { target: target as never, targetLog },
  )
  expect(deleted === undefined).toBe(
    hidden.problem !== undefined || start >= MARK_AT || parts?.way !== undefined,
  )
  expect(hidden.wasBack).toBe(deleted !== undefined)
  return hidden.problem?.detail ?? deleted
}

const filled = [batch(FILLER, 0, 6), batch(FILLER, 6, 4)]
const copied = [batch(EARLIER, 0, 10, 3)]

describe('what a crash has brought back below a mark', () => {
  it('is deleted where filler ends at the mark, whatever stands behind it', async () => {
    for (const above of [[], [marker(10)], [batch(OURS, 10, 2, 0)], [batch(THEIRS, 10, 2)]]) {
      expect(await hide({ batches: [...filled, ...above] })).toBe(MARK_AT)
    }
  })

  it('is deleted where the first record of the mirror stands at its place', async () => {
    const dense = { mark: { mode: 'dense' } } as const
    expect(await hide({ ...dense, batches: [...copied, batch(OURS, 10, 2, 0)] })).toBe(MARK_AT)
    // All before it was compacted away.
    expect(await hide({ ...dense, batches: [...copied, batch(OURS, 14, 2, 4)] })).toBe(MARK_AT)
    expect(
      await hide({ batches: [...copied, marker(10), marker(11), batch(OURS, 12, 2, 0)] }),
    ).toBe(MARK_AT)
  })

  it('is deleted where an earlier copy ends at the mark, and no record stands behind it', async () => {
    expect(await hide({ batches: copied })).toBe(MARK_AT)
    expect(await hide({ batches: [...copied, marker(10)] })).toBe(MARK_AT)
  })

  it('is kept, and named, where somebody else may have written it', async () => {
    const kept =
      /begins at 0 instead of the mark at 10, .* Nothing of target offsets 0 to 9 was deleted/
    const others = [
      [batch(FILLER, 0, 6), batch(THEIRS, 6, 7)],
      [...copied, batch(THEIRS, 10, 2)],
      [batch(-1, 0, 10)],
      // Of the mirror, but not its first: something came before it.
      [...copied, batch(OURS, 10, 2, 5)],
      [batch(THEIRS, 0, 8), batch(OURS, 8, 4, 0)],
    ]
    for (const batches of others) expect(await hide({ batches })).toMatch(kept)
    // Sealed with nothing copied, and its producers write by now: they may have filled up a log that was lost.
    const [theirs, more] = [batch(THEIRS, 0, 10), batch(THEIRS + 1, 10, 2)]
    for (const mode of ['dense', 'identical'] as const) {
      expect(await hide({ batches: [theirs, more], mark: { mode } })).toMatch(kept)
    }
    // All of its first ones compacted away: then it is past the time in which anything comes back.
    expect(await hide({ batches: [...copied, batch(OURS, 14, 2, 3)] })).toMatch(kept)
    // There were records behind it, so the log was lost: who filled it up to just there nobody knows.
    expect(await hide({ batches: [batch(THEIRS, 0, 10)], copiedTo: 50 })).toMatch(kept)
    expect(
      await hide({ batches: [...copied, batch(OURS, 12, 2, 0)], mark: { mode: 'dense' } }),
    ).toMatch(kept)
  })

  it('is kept in a topic of another id, and where there is none', async () => {
    expect(await hide({ batches: filled, topic: { topicId: 'b' } })).toMatch(
      /has id b; at the mark/,
    )
    expect(await hide({ batches: filled, topic: 'absent' })).toMatch(/does not exist/)
    expect(await hide({ batches: filled, topic: {} })).toBe(MARK_AT)
  })

  it('is not looked for where it is hidden, nor below a mark of the way back', async () => {
    expect(await hide({ batches: [batch(THEIRS, 0, 12)], start: MARK_AT })).toBeUndefined()
    const back = { mark: { way: 'reverse' } } as const
    await expect(hide({ batches: [batch(THEIRS, 0, 12)], ...back })).resolves.toBeUndefined()
  })

  it('waits where the log ends below the mark: more may come, or it was lost', async () => {
    await expect(hide({ batches: [batch(FILLER, 0, 6)] })).rejects.toThrow(
      /ends at 6, below its mark/,
    )
    // What is not replicated yet cannot be read: nobody knows what it is.
    await expect(hide({ batches: copied, logEnd: 12 })).rejects.toThrow(/from 10 to 12 yet$/)
  })
})
