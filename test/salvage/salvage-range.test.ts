import { describe, expect, it } from 'vitest'
import type { ClusterId, SourceOffset, TargetOffset, TopicName } from '../../src/domain/ids.ts'
import type { Salvage } from '../../src/domain/state.ts'
import type { Cluster, FetchRequest, OffsetAt, ProduceRequest } from '../../src/kafka/cluster.ts'
import { ErrorCode } from '../../src/kafka/error-codes.ts'
import {
  baseSequence,
  type Codec,
  codec,
  encodeBatch,
  forEachRecord,
  recordCount,
} from '../../src/records/index.ts'
import { salvageRange } from '../../src/salvage/salvage-range.ts'
import type { KnownCleaned } from '../../src/verify/cleaned-topics.ts'

const OURS = 7n
const MIRROR = 8n

/** Five records were sent in it; a cleaner may have left fewer. */
const batchAt = (baseOffset: number, producerId: bigint, baseSequence: number, left = 5): Buffer =>
  encodeBatch({
    records: Array.from({ length: left }, (_, offsetDelta) => ({
      timestamp: 0,
      key: null,
      value: null,
      offsetDelta,
    })),
    baseOffset,
    lastOffsetDelta: 4,
    producerId,
    epoch: 0,
    baseSequence,
  })

const NEW = 'new-id' as ClusterId

interface Seen {
  readonly known?: KnownCleaned
  /** Of the target's topic. */
  readonly policy?: string
  /** What the leader remembers of our producer; -1: nothing. */
  readonly lastSequence?: number
}

/** Where an attempt that goes on begins to read the source, by what it reports. Says nothing about what a broker does. */
const onTarget = async (
  batches: readonly Buffer[],
  logStart: bigint,
  { known = {}, policy = 'delete', lastSequence = -1 }: Seen = {},
): Promise<string> => {
  const end = BigInt(batches.length === 0 ? logStart : batches.at(-1)!.readBigInt64BE(0) + 5n)
  const target = {
    name: 'new',
    id: NEW,
    describeTopicConfigs: async () => ({
      ok: new Map([['t', new Map([['cleanup.policy', { value: policy }]])]]),
      failed: new Map(),
    }),
    describeProducers: async () => ({
      ok: new Map([['t:0', lastSequence < 0 ? [] : [{ producerId: OURS, lastSequence }]]]),
      failed: new Map(),
    }),
    leaders: async () => new Map([['t:0', { leader: 1, leaderEpoch: 0 }]]),
    listOffsets: async (_: unknown, at: OffsetAt) => ({
      ok: new Map([['t:0', at === 'earliest' ? logStart : end]]),
      failed: new Map(),
    }),
    connectBroker: async () => ({
      fetch: async ({ topics }: FetchRequest) => {
        const at = BigInt(topics[0]!.partitions[0]!.fetchOffset)
        if (at < logStart) return [{ errorCode: ErrorCode.OFFSET_OUT_OF_RANGE }]
        const rest = batches.filter((batch) => batch.readBigInt64BE(0) + 5n > at)
        return [{ errorCode: 0, records: Buffer.concat(rest) }]
      },
      close: async () => {},
    }),
  } as unknown as Cluster
  const source = {
    name: 'old',
    leaders: async () => {
      throw new Error('not asked for')
    },
  } as unknown as Cluster
  const reports: string[] = []
  const stop = new AbortController()
  const attempt = salvageRange({
    source,
    target,
    salvage: {
      topic: 't' as TopicName,
      partition: 0,
      from: 100n as SourceOffset,
      to: 120n as SourceOffset,
      status: 'pending',
      producerId: OURS,
      producerEpoch: 0,
      targetFrom: 50n as TargetOffset,
      sent: { place: 5, records: 5, from: 105n as SourceOffset, to: 110n as SourceOffset },
      at: '',
    },
    mirror: { producerId: MIRROR, sealedEnd: 40n as TargetOffset },
    isResumed: true,
    known,
    requestTimeoutMs: 1,
    remember: async () => undefined,
    pause: async () => undefined,
    report: (line) => {
      reports.push(line)
      if (line.includes('already')) stop.abort()
    },
    signal: stop.signal,
  })
  const said = await attempt.then(
    (end) => ('unsure' in end ? `${end.unsure.from}-${end.unsure.to}: ${end.why}` : 'done'),
    (error: Error) => error.message,
  )
  return reports.find((line) => line.includes('already')) ?? said
}

describe('what an earlier attempt of a salvage has appended', () => {
  it('is told by places, also where a cleaner took records out of its last batch', async () => {
    expect(await onTarget([batchAt(50, OURS, 0), batchAt(55, OURS, 5, 1)], 0n)).toBe(
      '10 records of t:0 are on the target already',
    )
  })

  it('is told by its last batch where retention took what was before', async () => {
    expect(await onTarget([batchAt(55, OURS, 5), batchAt(60, 9n, 0)], 55n)).toBe(
      '10 records of t:0 are on the target already',
    )
  })

  it('is not guessed where the last batch that was sent fits neither', async () => {
    expect(await onTarget([batchAt(50, OURS, 0), batchAt(55, OURS, 10)], 0n)).toMatch(
      /^FERRY1710 .*15 records of it are on new, and 5 or 10 were sent/,
    )
  })

  it('is not guessed where retention may have taken all of it, unless the leader remembers', async () => {
    const others = [batchAt(60, 9n, 0)]
    expect(await onTarget(others, 60n)).toBe(
      '105-110: offsets 50 to 59 of t:0 are gone from new since',
    )
    expect(await onTarget(others, 60n, { lastSequence: 4 })).toMatch(/^5 records/)
    expect(await onTarget(others, 60n, { lastSequence: 9 })).toMatch(/^10 records/)
  })

  it('is not guessed where a cleaner may have taken the last batch', async () => {
    const compacted = { policy: 'compact,delete' }
    const known = { cleaned: [{ topic: 't' as TopicName, cluster: NEW }] }
    const [first, other] = [batchAt(50, OURS, 0), batchAt(60, 9n, 0)]
    for (const seen of [compacted, { known }, { ...compacted, lastSequence: 4 }]) {
      for (const left of [[first, other], [other]]) {
        expect(await onTarget(left, 0n, seen)).toBe(
          '105-110: the cleaner of new may have removed records of t:0 since',
        )
      }
      // No room for it below the log end.
      expect(await onTarget([first], 0n, seen)).toMatch(/^5 records/)
    }
    expect(await onTarget([other], 0n, { ...compacted, lastSequence: 9 })).toMatch(/^10 records/)
    const ofSource = { cleaned: [{ topic: 't' as TopicName, cluster: 'old-id' as ClusterId }] }
    expect(await onTarget([first, other], 0n, { known: ofSource })).toMatch(/^5 records/)
  })

  it('is not asked for where a mirror copied behind the seal', async () => {
    expect(await onTarget([batchAt(45, MIRROR, 0), batchAt(50, OURS, 0)], 45n)).toMatch(
      /^FERRY1710 .*the mirror has copied records of t:0 after the seal/,
    )
  })
})

interface Limits {
  /** What `max.message.bytes` says; undefined: it cannot be read. */
  readonly said?: number
  /** What the target takes. */
  readonly takes: number
}

interface Late {
  readonly bytes: number
  readonly codec?: Codec
}

const SALVAGE: Salvage = {
  topic: 't' as TopicName,
  partition: 0,
  from: 100n as SourceOffset,
  to: 100n as SourceOffset,
  status: 'pending',
  producerId: OURS,
  producerEpoch: 0,
  targetFrom: 50n as TargetOffset,
  at: '',
}

/** A log of late records, one batch each, and a target that takes batches up to a limit. Says nothing about what a broker does. */
const pair = (records: readonly Late[]) => {
  const log = records.map(({ bytes, codec: as = 'none' }, i) =>
    encodeBatch({
      records: [{ timestamp: 0, key: Buffer.from(`${i}`), value: Buffer.alloc(bytes) }],
      baseOffset: 100 + i,
      codec: as,
    }),
  )
  const taken: Buffer[] = []
  let remembered: Salvage = { ...SALVAGE, to: BigInt(100 + records.length) as SourceOffset }
  let produced = 0
  const leaders = async () => new Map([['t:0', { leader: 1, leaderEpoch: 0 }]])
  const source = {
    name: 'old',
    leaders,
    connectBroker: async () => ({
      fetch: async ({ topics }: FetchRequest) => {
        const at = topics[0]!.partitions[0]!.fetchOffset
        const answer = { topic: 't', partition: 0, errorCode: 0, abortedTransactions: [] }
        return [
          {
            ...answer,
            lastStableOffset: 100 + records.length,
            records: Buffer.concat(log.slice(at - 100)),
          },
        ]
      },
      close: async () => {},
    }),
  } as unknown as Cluster
  const placesTaken = () => taken.reduce((sum, batch) => sum + recordCount(batch, 0), 0)
  const targetOf = ({ said, takes }: Limits, dies: number) =>
    ({
      name: 'new',
      leaders,
      listOffsets: async (_: unknown, at: OffsetAt) => ({
        ok: new Map([['t:0', at === 'earliest' ? 0n : BigInt(50 + placesTaken())]]),
        failed: new Map(),
      }),
      describeTopicConfigs: async () => ({
        ok: new Map([
          ['t', new Map(said === undefined ? [] : [['max.message.bytes', { value: `${said}` }]])],
        ]),
        failed: new Map(),
      }),
      describeProducers: async () => ({ ok: new Map(), failed: new Map() }),
      connectBroker: async () => ({
        fetch: async () => [{ errorCode: 0, records: Buffer.concat(taken) }],
        produce: async ({ topics }: ProduceRequest) => {
          const batch = Buffer.from(topics[0]!.partitions[0]!.batch[0]!)
          if (batch.length > takes) return [{ errorCode: ErrorCode.MESSAGE_TOO_LARGE }]
          batch.writeBigInt64BE(BigInt(50 + placesTaken()))
          taken.push(batch)
          if (++produced === dies) throw new Error('killed')
          return [{ errorCode: 0 }]
        },
        close: async () => {},
      }),
    }) as unknown as Cluster
  return {
    taken,
    produced: () => produced,
    /** `dies`: behind so many batches that were appended, in all. */
    run: async (limits: Limits, { isResumed = false, dies = 0 } = {}) =>
      salvageRange({
        source,
        target: targetOf(limits, dies),
        salvage: remembered,
        mirror: { producerId: MIRROR, sealedEnd: 50n as TargetOffset },
        isResumed,
        known: {},
        requestTimeoutMs: 1,
        remember: async (sent) => {
          remembered = { ...remembered, sent }
        },
        pause: async () => undefined,
        report: () => undefined,
        signal: new AbortController().signal,
      }),
    /** Keys of what was taken: the places of the records in the log. */
    keys: () =>
      taken.flatMap((batch) => {
        const keys: number[] = []
        forEachRecord(batch, 0, (record) => {
          const content = record.bytes.subarray(record.contentStart, record.contentEnd)
          const length = content[0]! / 2
          keys.push(Number(content.subarray(1, 1 + length)))
        })
        expect(baseSequence(batch, 0)).toBe(keys[0])
        return keys
      }),
  }
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)

describe('a target that takes smaller batches than a salvage would make', () => {
  const SMALL = Array.from({ length: 600 }, () => ({ bytes: 1_000 }))

  it('gets batches below its limit, where that is known', async () => {
    const { run, keys, taken } = pair(SMALL)
    expect(await run({ said: 262_144, takes: 262_144 })).toEqual({ records: 600, to: 700n })
    expect(keys()).toEqual(upTo(600))
    expect(taken).toHaveLength(3)
  })

  it('gets halves of what it refuses, where it is not known or was lowered meanwhile', async () => {
    for (const said of [undefined, 1_048_588]) {
      const { run, keys } = pair(SMALL)
      const limits = { takes: 70_000, ...(said !== undefined && { said }) }
      expect(await run(limits)).toEqual({ records: 600, to: 700n })
      expect(keys()).toEqual(upTo(600))
    }
  })

  it('gets every record once, wherever an attempt dies and whatever limit the next one finds', async () => {
    const whole = pair(SMALL)
    await whole.run({ takes: 70_000 })
    for (let dies = 1; dies <= whole.produced(); dies++) {
      const { run, keys } = pair(SMALL)
      await expect(run({ takes: 70_000 }, { dies })).rejects.toThrow('killed')
      const next = { said: 30_000, takes: 30_000 }
      expect(await run(next, { isResumed: true })).toEqual({ records: 600, to: 700n })
      expect(keys()).toEqual(upTo(600))
    }
  })

  it('gets a single record that is too large with the codec that it had', async () => {
    const { run, keys, taken } = pair([
      { bytes: 10 },
      { bytes: 100_000, codec: 'gzip' },
      { bytes: 10 },
    ])
    expect(await run({ said: 1_000, takes: 1_000 })).toEqual({ records: 3, to: 103n })
    expect(keys()).toEqual([0, 1, 2])
    expect(taken.map((batch) => codec(batch, 0))).toEqual(['none', 'gzip', 'none'])
  })

  it('does not get one that fits in no way: that is named with what to raise, and goes on once it is', async () => {
    const { run, keys } = pair([{ bytes: 10 }, { bytes: 2_000 }, { bytes: 10 }])
    await expect(run({ said: 1_000, takes: 1_000 })).rejects.toMatchObject({
      diagnostics: [
        {
          detail:
            'the record at offset 101 of t:0 on old makes a batch of 2071 bytes plain, and new takes 1000 at most (max.message.bytes of t). Everything before it is there.',
          fix: expect.stringMatching(
            /^Raise max\.message\.bytes of t on new to 2071 or more and run ferry salvage again/,
          ),
        },
      ],
    })
    expect(keys()).toEqual([0])
    // Where the limit is not known the broker's answer is told.
    await expect(run({ takes: 1_000 }, { isResumed: true })).rejects.toThrow(
      'a batch of 2071 bytes plain, and new answered MESSAGE_TOO_LARGE (max.message.bytes of t)',
    )
    expect(await run({ said: 2_071, takes: 2_071 }, { isResumed: true })).toEqual({
      records: 3,
      to: 103n,
    })
    expect(keys()).toEqual([0, 1, 2])
  })
})
