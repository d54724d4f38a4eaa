import { deepStrictEqual, match, strictEqual } from 'node:assert/strict'
import { afterAll, beforeAll, describe, it } from 'vitest'
import type { SourceOffset, TargetOffset, TopicName } from '../../src/domain/ids.ts'
import type { Mark, Seal } from '../../src/domain/mark.ts'
import type { NewRecord } from '../../src/records/write-batch.ts'
import {
  createTopic,
  deleteUpTo,
  gap,
  markOf,
  type Pair,
  recordsFrom,
  startPair,
  transact,
  verify,
  type WriteOptions,
  write,
} from './pair.ts'

let pair: Pair
let topics = 0

beforeAll(async () => {
  pair = await startPair()
})
afterAll(() => pair?.stop())

/** Two records before the mark on the source, three on the target, which are deleted unless they came back; then what is given. */
const mirrored = async (
  source: readonly NewRecord[],
  target: readonly NewRecord[],
  options: {
    readonly source?: WriteOptions
    readonly target?: WriteOptions
    readonly isBack?: boolean
  } = {},
): Promise<Mark> => {
  const topic = await createTopic(pair, `records-${++topics}`)
  await write(pair.clusters.source, topic, [...recordsFrom(9_000, 2)])
  await write(pair.clusters.target, topic, [...recordsFrom(8_000, 3)])
  if (!options.isBack) await deleteUpTo(pair.clusters.target, topic, 3)
  await write(pair.clusters.source, topic, source, { batch: 7, ...options.source })
  await write(pair.clusters.target, topic, target, { batch: 50, ...options.target })
  return markOf(topic, 2, 3)
}

const changed = (
  records: readonly NewRecord[],
  at: number,
  change: Partial<NewRecord>,
): NewRecord[] => records.map((record, i) => (i === at ? { ...record, ...change } : record))

const sealOf = (mark: Mark, sourceEnd: number, targetEnd: number): Seal => ({
  topic: mark.topic,
  partition: mark.partition,
  sourceEnd: BigInt(sourceEnd) as SourceOffset,
  targetEnd: BigInt(targetEnd) as TargetOffset,
  at: mark.at,
})

describe('a good copy', () => {
  for (const codec of ['none', 'gzip', 'lz4', 'snappy', 'zstd'] as const) {
    it(`in other batches, source ${codec}, is equal in every record`, async () => {
      const records = recordsFrom(0, 200)
      const { report, problems } = await verify(pair, [
        await mirrored(records, records, { source: { codec } }),
      ])
      deepStrictEqual(problems, [])
      strictEqual(report.ok, true)
      deepStrictEqual(report.topics[0]!.partitions, [
        {
          partition: 0,
          sourceStart: 0,
          sourceEnd: 202,
          targetStart: 3,
          targetEnd: 203,
          mirrored: 200,
          compared: 200,
          gone: 0,
          acceptedGaps: [],
          ok: true,
          problems: [],
        },
      ])
    })
  }

  it('with the same batches on both sides is compared batch by batch', async () => {
    const records = recordsFrom(0, 300)
    const options = { batch: 30, codec: 'gzip' } as const
    const mark = await mirrored(records, records, { source: options, target: options })
    const { report } = await verify(pair, [mark])
    strictEqual(report.topics[0]!.partitions[0]!.compared, 300)
    strictEqual(report.ok, true)
  })

  it('that is behind the source is equal as far as it goes', async () => {
    const records = recordsFrom(0, 200)
    const { report } = await verify(pair, [await mirrored(records, records.slice(0, 120))])
    strictEqual(report.ok, true)
    strictEqual(report.topics[0]!.partitions[0]!.compared, 120)
    strictEqual(report.topics[0]!.partitions[0]!.mirrored, 120)
  })

  it('of nothing is equal', async () => {
    const { report } = await verify(pair, [await mirrored([], [])])
    strictEqual(report.ok, true)
    strictEqual(report.topics[0]!.partitions[0]!.mirrored, 0)
  })

  it('is compared in many partitions of several topics at once', async () => {
    const marks: Mark[] = []
    for (const name of ['many-a', 'many-b']) {
      const topic = await createTopic(pair, name, { partitions: 20 })
      for (let partition = 0; partition < 20; partition++) {
        const records = recordsFrom(partition * 1_000, 40)
        await write(pair.clusters.source, topic, records, { partition })
        await write(pair.clusters.target, topic, records, { partition })
        marks.push(markOf(topic, 0, 0, { partition }))
      }
    }
    const { report, problems } = await verify(pair, marks)
    deepStrictEqual(problems, [])
    for (const topic of report.topics) {
      deepStrictEqual(
        topic.partitions.map(({ compared }) => compared),
        Array(20).fill(40),
      )
    }
  })
})

/** Place 123 is source offset 125 and target offset 126. */
const AT = 123
const base = recordsFrom(0, 200)
const CASES: readonly [string, readonly NewRecord[], RegExp][] = [
  [
    'a changed value',
    changed(base, AT, { value: Buffer.from('value-1XX'.padEnd(20, '.')) }),
    /^FERRY1801 .*offset 125 on old and offset 126 on new .*: value \(20 bytes, not equal from byte 7 on\)\.$/,
  ],
  [
    'a value of another length',
    changed(base, AT, { value: Buffer.from('short') }),
    /^FERRY1801 .*125 on old and offset 126 .*value \(20 bytes on the source, 5 bytes on the target\)/,
  ],
  [
    'a tombstone instead of an empty value',
    changed(changed(base, AT, { value: Buffer.alloc(0) }), AT, { value: null }),
    /^FERRY1801 .*125 on old and offset 126 .*value \(20 bytes on the source, null on the target\)/,
  ],
  [
    'a changed header value',
    changed(base, AT, {
      headers: [base[AT]!.headers![0]!, { key: Buffer.from('b'), value: Buffer.alloc(0) }],
    }),
    /^FERRY1801 .*125 on old and offset 126 .*headers \(header 2: null on the source, empty on the target\)/,
  ],
  [
    'a missing header',
    changed(base, AT, { headers: base[AT]!.headers!.slice(0, 1) }),
    /^FERRY1801 .*125 on old and offset 126 .*headers \(2 on the source, 1 on the target\)/,
  ],
  [
    'a changed timestamp',
    changed(base, AT, { timestamp: 1_700_000_000_999 }),
    /^FERRY1801 .*125 on old and offset 126 .*: timestamp \(1700000000123 on the source, 1700000000999 on the target\)\.$/,
  ],
  [
    'an empty key instead of its own',
    changed(base, AT, { key: Buffer.alloc(0) }),
    /^FERRY1801 .*125 on old and offset 126 .*key \(7 bytes on the source, empty on the target\)/,
  ],
  [
    'a missing record',
    base.toSpliced(AT, 1),
    /^FERRY1802 .*: offset 125 on old must be on new from offset 126 on, but that record is not there/,
  ],
  [
    'three missing records',
    base.toSpliced(AT, 3),
    /^FERRY1802 .*: offsets 125 to 127 on old must be on new from offset 126 on, but these 3 records/,
  ],
  [
    'an additional record',
    base.toSpliced(AT, 0, ...recordsFrom(70_000, 1)).slice(0, 200),
    /^FERRY1803 .*: the record at offset 126 on new is not on old/,
  ],
  [
    'a record twice',
    base.toSpliced(AT, 0, base[AT - 1]!).slice(0, 200),
    /^FERRY1803 .*: the record at offset 126 on new is not on old/,
  ],
  [
    'two records in the other order',
    base.toSpliced(AT, 2, base[AT + 1]!, base[AT]!),
    /^FERRY1804 .*: the record at offset 125 on old and the next one .* on new, from offset 126 on/,
  ],
]

describe('a bad copy is found at its exact place', () => {
  for (const [name, target, expected] of CASES) {
    for (const batch of [7, 50]) {
      it(`${name}, target batches of ${batch}`, async () => {
        const mark = await mirrored(base, target, { target: { batch } })
        const { report, problems } = await verify(pair, [mark])
        strictEqual(problems.length, 1)
        match(problems[0]!, expected)
        strictEqual(report.ok, false)
        strictEqual(report.topics[0]!.partitions[0]!.compared, AT)
      })
    }
  }

  it('the same batches, but with all timestamps moved', async () => {
    const moved = base.map((record) => ({
      ...record,
      timestamp: Number(record.timestamp) + 3_600_000,
    }))
    const batches = { source: { batch: 20 }, target: { batch: 20 } }
    const { problems } = await verify(pair, [await mirrored(base, moved, batches)])
    match(problems[0]!, /^FERRY1801 .*offset 2 on old and offset 3 on new .*: timestamp \(/)
  })

  it('a null key that became empty', async () => {
    const source = changed(base, AT, { key: null })
    const target = changed(base, AT, { key: Buffer.alloc(0) })
    const { problems } = await verify(pair, [await mirrored(source, target)])
    match(problems[0]!, /^FERRY1801 .*key \(null on the source, empty on the target\)\.$/)
  })

  it('in the last record, and in the first', async () => {
    for (const at of [0, 199]) {
      const target = changed(base, at, { value: null })
      const { problems } = await verify(pair, [await mirrored(base, target)])
      match(
        problems[0]!,
        new RegExp(`^FERRY1801 .*offset ${at + 2} on old and offset ${at + 3} on`),
      )
    }
  })

  it('by its producer, if the batch is not of the mirror', async () => {
    const mark = await mirrored(base, changed(base, AT, { value: null }))
    const { problems } = await verify(pair, [{ ...mark, producerId: 4711n }])
    match(problems[0]!, /of producer id -1, the mirror's is 4711\.$/)
  })

  it('in a sample that holds it', async () => {
    const target = changed(base, 199, { value: null })
    const { problems, report } = await verify(pair, [await mirrored(base, target)], {
      mode: { kind: 'sample', records: 10 },
    })
    match(problems[0]!, /^FERRY1801 .*offset 201 on old and offset 202 on new/)
    strictEqual(report.ok, false)
  })

  it('by a sample after a shift', async () => {
    const { problems } = await verify(pair, [await mirrored(base, base.toSpliced(AT, 1))], {
      mode: { kind: 'sample', records: 10 },
    })
    match(problems[0]!, /^FERRY1802 /)
  })
})

describe('samples', () => {
  it('compare the number of records asked for, or all of a small partition', async () => {
    const records = recordsFrom(0, 500)
    const mark = await mirrored(records, records)
    const compared = async (count: number) => {
      const mode = { kind: 'sample', records: count } as const
      const { report } = await verify(pair, [mark], { mode })
      strictEqual(report.ok, true)
      return report.topics[0]!.partitions[0]!.compared
    }
    deepStrictEqual([await compared(20), await compared(2), await compared(1_000)], [20, 2, 500])
  })
})

describe('ends', () => {
  it('a target with more than the source is foreign written', async () => {
    const mark = await mirrored(base, [...base, ...recordsFrom(500, 2)])
    const { problems } = await verify(pair, [mark])
    deepStrictEqual(problems.length, 1)
    match(
      problems[0]!,
      /^FERRY1805 .*on new ends at 205, which is 2 past .* old holds \(up to 202\)/,
    )
  })

  it('what can be read below the mark on the target is no difference of the records, and must not be there', async () => {
    const mark = await mirrored(base, base, { isBack: true })
    const { report, problems } = await verify(pair, [mark])
    strictEqual(problems.length, 1)
    match(
      problems[0]!,
      /^FERRY1814 .*on new begins at 0, below the mark at 3: offsets 0 to 2 can be/,
    )
    // What has happened is not known: only what may have, and a command that can be run as it stands.
    match(problems[0]!, /may have brought that back; .* may be what others wrote/)
    const { fix } = report.topics[0]!.partitions[0]!.problems[0]!
    match(fix, /^Run `ferry mirror (?!NAME)[^`]+`: /)
    strictEqual(report.topics[0]!.partitions[0]!.compared, 200)
  })

  it('a target that ends below the mark has lost records', async () => {
    const mark = await mirrored([], [])
    const { problems } = await verify(pair, [markOf(mark.topic, 2, 9)])
    match(problems[0]!, /^FERRY1806 .*ends at 3, below the mark at 9: offsets 3 to 8/)
  })

  it('records beyond the seal on the target belong to the producers', async () => {
    const mark = await mirrored(base, [...base, ...recordsFrom(500, 2)])
    const { report, problems } = await verify(pair, [mark], {
      state: { seals: [sealOf(mark, 202, 203)] },
    })
    deepStrictEqual(problems, [])
    strictEqual(report.topics[0]!.partitions[0]!.targetEnd, 203)
    strictEqual(report.topics[0]!.partitions[0]!.compared, 200)
  })

  it('records beyond the seal on the source are late', async () => {
    const mark = await mirrored([...base, ...recordsFrom(500, 2)], base)
    const { problems } = await verify(pair, [mark], { state: { seals: [sealOf(mark, 202, 203)] } })
    deepStrictEqual(problems.length, 1)
    match(problems[0]!, /^FERRY1807 .*sealed at offset 202 and now ends at 204: offsets 202 to 203/)
  })

  it('a recreated topic is another one', async () => {
    const mark = await mirrored(base, base)
    const { problems, report } = await verify(pair, [{ ...mark, targetTopicId: 'AAAA' }])
    match(problems[0]!, /^FERRY1809 .* on new has id .*, but had AAAA/)
    strictEqual(report.topics[0]!.partitions[0]!.compared, 0)
  })

  it('a partition without a mark is not mirrored', async () => {
    const topic = await createTopic(pair, 'added', { partitions: 2 })
    await write(pair.clusters.source, topic, recordsFrom(0, 3), { partition: 1 })
    const { report, problems } = await verify(pair, [markOf(topic, 0, 0)])
    match(problems[0]!, /^FERRY1813 added:1 is on old/)
    strictEqual(report.topics[0]!.partitions[1]!.sourceEnd, 3)
    strictEqual(report.ok, false)
  })
})

describe('retention', () => {
  it('on the source: what is left is compared, the rest is counted and said', async () => {
    const mark = await mirrored(base, base)
    await deleteUpTo(pair.clusters.source, mark.topic, 52)
    const { report, problems, lines } = await verify(pair, [mark])
    deepStrictEqual(problems, [])
    const [partition] = report.topics[0]!.partitions
    deepStrictEqual(
      [partition!.sourceStart, partition!.mirrored, partition!.compared, partition!.gone],
      [52, 200, 150, 50],
    )
    strictEqual(partition!.ok, true)
    match(lines.join('\n'), /150 of 200 records compared, 50 only counted/)
  })

  it('on the source, of everything', async () => {
    const mark = await mirrored(base, base)
    await deleteUpTo(pair.clusters.source, mark.topic, 202)
    const { report } = await verify(pair, [mark])
    strictEqual(report.ok, true)
    const { compared, gone } = report.topics[0]!.partitions[0]!
    deepStrictEqual([compared, gone], [0, 200])
  })

  for (const mode of [{ kind: 'full' }, { kind: 'sample', records: 5 }] as const) {
    it(`on the target before the seal is a problem (${mode.kind})`, async () => {
      const mark = await mirrored(base, base)
      await deleteUpTo(pair.clusters.source, mark.topic, 42)
      await deleteUpTo(pair.clusters.target, mark.topic, 53)
      const { problems } = await verify(pair, [mark], { mode })
      match(
        problems[0]!,
        /^FERRY1806 .*from offset 43 on until the seal, but its log starts at 53: offsets 43 to 52 are gone/,
      )
    })
  }

  it('on the target after the seal is counted', async () => {
    const mark = await mirrored(base, base)
    await deleteUpTo(pair.clusters.target, mark.topic, 53)
    const { report, problems } = await verify(pair, [mark], {
      state: { seals: [sealOf(mark, 202, 203)] },
    })
    deepStrictEqual(problems, [])
    strictEqual(report.topics[0]!.partitions[0]!.compared, 150)
  })
})

describe('transactions', () => {
  /** 10 records each and a marker: offsets 0-9, 11-20 (aborted), 22-31, 33-42 (aborted), 44-53, end 55. */
  const transactions = [true, false, true, false, true].map((commit, i) => ({
    records: recordsFrom(i * 10, 10),
    commit,
  }))
  const gaps = [gap(10, 22), gap(32, 44), gap(54, 55)]
  const visible = transactions.filter(({ commit }) => commit).flatMap(({ records }) => records)
  /** kafkajs writes headers from an object and cannot write a null value. */
  const asKafkajs = (records: readonly NewRecord[]) =>
    records.map((record) => ({
      ...record,
      headers: record.headers!.map((h) => ({ key: h.key, value: h.value ?? Buffer.alloc(0) })),
    }))

  const source = async (name: string): Promise<TopicName> => {
    const topic = await createTopic(pair, name)
    await transact(pair.brokers.source, topic, transactions)
    return topic
  }

  it('dense: only committed records count, and the index maps over the holes', async () => {
    const topic = await source('tx-dense')
    await write(pair.clusters.target, topic, asKafkajs(visible))
    const { report, problems } = await verify(pair, [markOf(topic, 0, 0)], { gaps })
    deepStrictEqual(problems, [])
    strictEqual(report.topics[0]!.partitions[0]!.compared, 30)
    strictEqual(report.topics[0]!.partitions[0]!.mirrored, 30)
  })

  it('dense: an aborted record that was copied is found', async () => {
    const topic = await source('tx-aborted-copied')
    await write(
      pair.clusters.target,
      topic,
      asKafkajs([...visible.slice(0, 10), ...recordsFrom(10, 1), ...visible.slice(10, 29)]),
    )
    const { problems } = await verify(pair, [markOf(topic, 0, 0)], { gaps })
    match(problems[0]!, /^FERRY1803 .*the record at offset 10 on new is not on old/)
  })

  it('dense: a gap that the index does not know shows as the first record after it', async () => {
    const topic = await source('tx-no-gaps')
    await write(pair.clusters.target, topic, asKafkajs(visible))
    const { problems } = await verify(pair, [markOf(topic, 0, 0)])
    strictEqual(problems.length, 1)
  })

  it('dense: the same holes on both sides, unknown to the index, do not count as records', async () => {
    const topic = await source('tx-uncounted')
    await transact(pair.brokers.target, topic, transactions)
    const { problems } = await verify(pair, [markOf(topic, 0, 0)])
    match(problems[0]!, /^FERRY1802 .*counts 25 more mirrored records than old and new hold/)
  })

  it('identical: holes at the same offsets are equal, known to the index or not', async () => {
    const topic = await source('tx-identical')
    await transact(pair.brokers.target, topic, transactions)
    const mark = markOf(topic, 0, 0, { mode: 'identical' })
    for (const known of [gaps, []]) {
      const { report, problems } = await verify(pair, [mark], { gaps: known })
      deepStrictEqual(problems, [])
      strictEqual(report.topics[0]!.partitions[0]!.compared, 30)
      strictEqual(report.topics[0]!.mode, 'identical')
      const sample = await verify(pair, [mark], {
        gaps: known,
        mode: { kind: 'sample', records: 8 },
      })
      deepStrictEqual(sample.problems, [])
    }
  })

  it('identical: an aborted record that is visible on the target is found', async () => {
    const topic = await source('tx-identical-bad')
    const bad = transactions.map((each, i) => (i === 3 ? { ...each, commit: true } : each))
    await transact(pair.brokers.target, topic, bad)
    const mark = markOf(topic, 0, 0, { mode: 'identical' })
    const { problems } = await verify(pair, [mark], { gaps })
    match(problems[0]!, /^FERRY1803 .*the record at offset 33 on new is not on old/)
  })

  it('identical: a record missing on the target is found', async () => {
    const topic = await source('tx-identical-missing')
    const bad = transactions.map((each, i) => (i === 2 ? { ...each, commit: false } : each))
    await transact(pair.brokers.target, topic, bad)
    const mark = markOf(topic, 0, 0, { mode: 'identical' })
    const { problems } = await verify(pair, [mark], { gaps })
    match(problems[0]!, /^FERRY1802 .*: offset 22 on old must be on new from offset 22 on/)
  })

  it('identical: a record missing on the target, or too much there, at the very end', async () => {
    for (const side of ['source', 'target'] as const) {
      const topic = await createTopic(pair, `tx-identical-end-${side}`)
      const without = transactions.with(4, { ...transactions[4]!, commit: false })
      await transact(pair.brokers.source, topic, side === 'source' ? without : transactions)
      await transact(pair.brokers.target, topic, side === 'target' ? without : transactions)
      const { problems } = await verify(pair, [markOf(topic, 0, 0, { mode: 'identical' })])
      const code = side === 'source' ? 'FERRY1803' : 'FERRY1802'
      match(
        problems[0]!,
        new RegExp(`^${code} .*offset 44 on ${side === 'source' ? 'new' : 'old'}`),
      )
    }
  })

  it('identical: the very same batch at another offset is found', async () => {
    const topic = await createTopic(pair, 'tx-identical-moved')
    const good = { records: recordsFrom(0, 10), commit: true }
    const aborted = { records: recordsFrom(10, 10), commit: false }
    await transact(pair.brokers.source, topic, [good, aborted])
    await transact(pair.brokers.target, topic, [aborted, good])
    const { problems } = await verify(pair, [markOf(topic, 0, 0, { mode: 'identical' })])
    match(problems[0]!, /^FERRY1802 .*: offset 0 on old must be on new from offset 0 on/)
  })
})
