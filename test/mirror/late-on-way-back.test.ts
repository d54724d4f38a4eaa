import { describe, expect, it } from 'vitest'
import { FerryError } from '../../src/domain/diagnostic.ts'
import type { SourceOffset, TargetOffset, TopicName } from '../../src/domain/ids.ts'
import type { SourceRange } from '../../src/domain/state.ts'
import type { Cluster, FetchedPartition, OffsetAt } from '../../src/kafka/cluster.ts'
import { ErrorCode } from '../../src/kafka/error-codes.ts'
import { lookAtWayBack } from '../../src/mirror/late-on-way-back.ts'
import { encodeBatch } from '../../src/records/index.ts'
import { fullState } from '../state/samples.ts'

const MARK = {
  ...fullState(1).marks[0]!,
  topic: 't' as TopicName,
  partition: 0,
  sourceStart: 0n as SourceOffset,
  targetStart: 100n as TargetOffset,
  producerId: 7n,
  mode: 'dense' as const,
  way: 'reverse' as const,
}

const batchAt = (baseOffset: number, producerId: bigint, baseSequence = 0): Buffer =>
  encodeBatch({
    records: [{ timestamp: 0, key: null, value: null }],
    baseOffset,
    producerId,
    epoch: 0,
    baseSequence,
  })

type Answer = Pick<FetchedPartition, 'errorCode'> & { readonly records?: Buffer }
const NOTHING: Answer = { errorCode: 0 }

/** A cluster that answers what the test says, in turn, the last one for ever. Says nothing about what a broker does. */
const lookAt = (
  answers: readonly Answer[],
  ends: readonly bigint[] = [102n],
  start = 0n,
  own: readonly SourceRange[] = [],
) => {
  const next = <T>(each: readonly T[], place: number): T => each[Math.min(place, each.length - 1)]!
  const asked = { fetch: 0, end: 0 }
  const source = {
    name: 'old',
    listOffsets: async (_: unknown, at: OffsetAt) => {
      const offset = at === 'earliest' ? start : next(ends, asked.end++)
      return { ok: new Map([['t:0', offset]]), failed: new Map() }
    },
    leaders: async () => new Map([['t:0', { leader: 1, leaderEpoch: 0 }]]),
    connectBroker: async () => ({
      connected: true,
      fetch: async () => [{ records: Buffer.alloc(0), ...next(answers, asked.fetch++) }],
      close: async () => {},
    }),
  } as unknown as Cluster
  const { signal } = new AbortController()
  return lookAtWayBack(source, { marks: [MARK], seals: [], own }, new Map(), signal)
}
const look = async (...args: Parameters<typeof lookAt>) => (await lookAt(...args)).late

const late = (from: bigint, to: bigint) => ({ topic: 't', partition: 0, from, to })
const ours = { errorCode: 0, records: batchAt(100, 7n) }
const foreign = { errorCode: 0, records: batchAt(101, 8n) }

describe('what came late on the way back, where the leader does not tell at once', () => {
  it('is not nothing because an answer was empty', async () => {
    expect(await look([NOTHING, ours, NOTHING, NOTHING, foreign])).toEqual([late(101n, 102n)])
  })

  it('is nothing where a leader that knows the end answers nothing again and again', async () => {
    expect(await look([ours, NOTHING])).toEqual([])
  })

  it('is to be asked for again where the end is lower for a moment', async () => {
    const asked = look([ours, NOTHING], [102n, 101n])
    await expect(asked).rejects.toBeInstanceOf(FerryError)
    await expect(asked).rejects.toMatchObject({ retriable: true })
  })

  it('is to be asked for again while leaders change', async () => {
    for (const errorCode of [
      ErrorCode.NOT_LEADER_OR_FOLLOWER,
      ErrorCode.OFFSET_OUT_OF_RANGE,
    ] as const) {
      const asked = look([ours, { errorCode }])
      await expect(asked).rejects.toBeInstanceOf(FerryError)
      await expect(asked).rejects.toMatchObject({
        retriable: true,
        message: expect.stringContaining('t:0 on old cannot be read at 101'),
      })
    }
  })
})

describe('what retention took on the way back before it was looked at', () => {
  const behind = (sequence: number): Answer => ({
    errorCode: 0,
    records: batchAt(103, 7n, sequence),
  })
  const unseen = { ...late(100n, 103n), unseen: true }

  it("was the mirror's where its next batch has the sequence of its place", async () => {
    expect(await look([behind(3)], [104n], 103n)).toEqual([])
  })

  it('is not known where that batch says that something else came before', async () => {
    expect(await look([behind(1)], [104n], 103n)).toEqual([unseen])
  })

  it('is not known where nothing of the mirror stands behind it', async () => {
    expect(await look([], [103n], 103n)).toEqual([unseen])
    const other = { errorCode: 0, records: batchAt(103, 8n) }
    expect(await look([other], [104n], 103n)).toEqual([unseen, late(103n, 104n)])
  })

  it("was the mirror's as far as that was seen while it stood there", async () => {
    const both = {
      errorCode: 0,
      records: Buffer.concat([batchAt(103, 7n, 1), batchAt(104, 7n, 2)]),
    }
    const { own } = await lookAt([both], [105n], 103n)
    expect(own).toEqual([late(103n, 105n)])
    expect(await look([], [105n], 105n, own as SourceRange[])).toEqual([unseen])
    // Behind it, and in other partitions, that says nothing.
    expect(await look([], [106n], 106n, own as SourceRange[])).toEqual([
      unseen,
      { ...late(105n, 106n), unseen: true },
    ])
    const elsewhere = own.map((range) => ({ ...range, partition: 1 }))
    expect(await look([], [105n], 105n, elsewhere)).toEqual([{ ...unseen, to: 105n }])
  })
})
