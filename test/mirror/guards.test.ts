import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { type PartitionKey, partitionKey, type TopicName } from '../../src/domain/ids.ts'
import type { Mark } from '../../src/domain/mark.ts'
import type { Cluster, ProducerIdentity } from '../../src/kafka/cluster.ts'
import type { PartitionReport } from '../../src/mirror/mirror.ts'
import { type RunningMirror, startMirror } from '../../src/mirror/start-mirror.ts'
import { oracle } from '../kafka/oracle.ts'
import { waitFor } from '../kafka/wait.ts'
import { FetchGate } from './_gate.ts'
import {
  contentOf,
  createTopic,
  damageBatch,
  endsOf,
  FileProgress,
  markTopic,
  mirrorOptions,
  type Pair,
  primeUpTo,
  startPair,
  topicName,
  untilCopied,
  withFolder,
} from './_support.ts'

const key = (topic: TopicName, partition = 0): PartitionKey => partitionKey(topic, partition)

const recreate = async (cluster: Cluster, topic: TopicName): Promise<void> => {
  await cluster.deleteTopics([topic])
  await waitFor('it to be gone', { timeoutMs: 20_000 }, async () =>
    (await cluster.describeTopics([topic])).ok.get(topic) === 'absent' ? true : undefined,
  )
  await createTopic(cluster, topic, 1)
}

/** Beside each other, each as a project of its own: they wait for brokers and for the lock most of the time. */
describe.concurrent('a mirror stops a partition, and names the range', () => {
  let pair: Pair
  let sourceData: string
  beforeAll(async () => {
    sourceData = await mkdtemp(join(tmpdir(), 'ferry-guards-'))
    pair = await startPair({ source: { config: { 'log.dirs': sourceData } } })
  })
  afterAll(async () => {
    await pair?.stop()
    await rm(sourceData, { recursive: true, force: true })
  })

  const both = async (name: string, partitions = 1, configs = {}): Promise<TopicName> => {
    const topic = topicName(name)
    await createTopic(pair.from, topic, partitions, configs)
    await createTopic(pair.to, topic, partitions)
    return topic
  }
  const places = (topic: TopicName, partitions = 1) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))

  /** Runs a mirror over the marks until `until` holds for its reports, and stops it. */
  const run = async (
    marks: readonly Mark[],
    folder: string,
    use: (mirror: RunningMirror) => Promise<void>,
    internals = {},
    over: { readonly throttle?: number } = {},
  ): Promise<readonly PartitionReport[]> => {
    const options = mirrorOptions(pair.from, pair.to, new FileProgress(`${folder}/progress`), {
      project: marks[0]!.topic,
      ...over,
    })
    const mirror = startMirror(options, { saveEveryMs: 100, ...internals })
    try {
      mirror.follow([{ migration: 'm', marks, seals: [] }])
      await use(mirror)
      return mirror.reports()
    } finally {
      await mirror.stop()
    }
  }
  const stopped = (mirror: RunningMirror, partition = 0) =>
    waitFor(`partition ${partition} to stop`, { timeoutMs: 40_000 }, () =>
      mirror.reports()[partition]!.state === 'stopped' ? mirror.reports()[partition]! : undefined,
    ).catch((error: Error) => {
      throw new Error(`${error.message} ${JSON.stringify(mirror.reports())}`)
    })

  it('where somebody else wrote to the target, while it runs and at the next start', async () => {
    const topic = await both('foreign')
    await oracle.produce(pair.source, topic, { count: 1_000 })
    const marks = await markTopic(pair.from, pair.to, topic, { mode: 'dense' })
    await withFolder(async (folder) => {
      const [report] = await run(marks, folder, async (mirror) => {
        await untilCopied(mirror, await endsOf(pair.from, places(topic)))
        await oracle.produce(pair.target, topic, { count: 3, idempotent: false, batchSize: 0 })
        await oracle.produce(pair.source, topic, { count: 10 })
        await stopped(mirror)
      })
      strictEqual(report!.problem!.code, 'FERRY1604')
      match(
        report!.problem!.detail,
        /foreign:0: the records at target offsets 1000 to 1002 were not written by this mirror \(a producer without an id\)/,
      )
      const [again] = await run(marks, folder, async (mirror) => {
        await stopped(mirror)
      })
      strictEqual(again!.problem!.code, 'FERRY1604')
      match(again!.problem!.detail, /offsets 1000 to 1002/)
    })
  })

  for (const [mode, copied] of [
    ['dense', 100],
    // With the markers of ten transactions, which are made up for.
    ['identical', 110],
  ] as const) {
    it(`where somebody else wrote to the target while no mirror ran (${mode})`, async () => {
      const topic = await both(`foreign-down-${mode}`)
      const produce = (count: number) =>
        oracle.produce(pair.source, topic, { count, transactionalId: topic, commitEvery: 10 })
      await produce(100)
      const { producerId: fillerProducerId } = await pair.to.initProducerId()
      const marks = await markTopic(pair.from, pair.to, topic, { mode, fillerProducerId })
      await withFolder(async (folder) => {
        await run(marks, folder, async (mirror) => {
          await untilCopied(mirror, await endsOf(pair.from, places(topic)))
        })
        const end = async () => Number((await endsOf(pair.to, places(topic))).get(key(topic)))
        strictEqual(await end(), copied)
        await produce(50)
        // As a restored state has them: of others than those that were mirrored since, whose progress is void.
        const restored = marks.map((mark) => ({ ...mark, producerId: mark.producerId + 1_000n }))
        await withFolder(async (copy) => {
          await cp(folder, copy, { recursive: true })
          const [stop] = await run(restored, copy, async (mirror) => void (await stopped(mirror)))
          strictEqual(stop!.problem!.code, 'FERRY1604')
        })
        strictEqual(await end(), copied)
        await oracle.produce(pair.target, topic, { count: 5, idempotent: true })
        const [report] = await run(marks, folder, async (mirror) => void (await stopped(mirror)))
        strictEqual(report!.problem!.code, 'FERRY1604')
        match(
          report!.problem!.detail,
          new RegExp(
            `target offsets ${copied} to ${copied + 4} were not written by this mirror \\(producer \\d+\\)`,
          ),
        )
        strictEqual(await end(), copied + 5)
      })
    })
  }

  for (const [what, isTransactional] of [
    ['a source without holes', false],
    ['a source with holes', true],
  ] as const) {
    it(`where somebody else wrote to the target while no mirror ran, and deleted it again (${what})`, async () => {
      const topic = await both(`foreign-trimmed-${isTransactional ? 'holes' : 'plain'}`)
      const produce = (count: number, id: string) =>
        oracle.produce(pair.source, topic, {
          count,
          valuePrefix: id,
          ...(isTransactional && { transactionalId: id, commitEvery: 10, abortEvery: 4 }),
        })
      await produce(100, 'a')
      const marks = await markTopic(pair.from, pair.to, topic, { mode: 'dense' })
      const stable = async () => (await pair.from.listOffsets(places(topic), 'stable')).ok
      await withFolder(async (folder) => {
        await run(marks, folder, async (mirror) => void (await untilCopied(mirror, await stable())))
        const end = (await endsOf(pair.to, places(topic))).get(key(topic))!
        strictEqual(end, isTransactional ? 80n : 100n)
        await oracle.produce(pair.target, topic, { count: 5, idempotent: true })
        await pair.to.deleteRecords(new Map([[key(topic), end + 5n]]))
        // Ferry would go on five records too far.
        await produce(50, 'b')
        const [report] = await run(marks, folder, async (mirror) => void (await stopped(mirror)))
        strictEqual(report!.problem!.code, 'FERRY1604')
        match(
          report!.problem!.detail,
          new RegExp(
            `target offsets ${end} to ${end + 4n} were deleted before this mirror had seen`,
          ),
        )
        strictEqual((await endsOf(pair.to, places(topic))).get(key(topic)), end + 5n)
      })
    })
  }

  it('where somebody else wrote to the target while nothing is copied', async () => {
    const topic = await both('foreign-idle')
    await oracle.produce(pair.source, topic, { count: 100 })
    const marks = await markTopic(pair.from, pair.to, topic, { mode: 'dense' })
    await withFolder(async (folder) => {
      const [report] = await run(
        marks,
        folder,
        async (mirror) => {
          await untilCopied(mirror, await endsOf(pair.from, places(topic)))
          await oracle.produce(pair.target, topic, { count: 1, idempotent: true })
          await stopped(mirror)
        },
        { watchEveryMs: 200 },
      )
      match(
        report!.problem!.detail,
        /target offset 100 were not written by this mirror \(producer \d+\)/,
      )
    })
  })

  it('before a record that no batch of the target can hold; the other partitions go on', async () => {
    const topic = await both('too-large', 2)
    await pair.to.alterTopicConfigs(new Map([[topic, new Map([['max.message.bytes', '20000']])]]))
    await oracle.writeMany(pair.source, [
      { topic, count: 200, partitions: [0, 1] },
      {
        topic,
        // One batch: what comes before the large one in it is copied, too.
        records: ['a', 'x'.repeat(30_000), 'b'].map((value) => ({ key: 'k', value })),
        lingerMs: 1_000,
        batchSize: 100_000,
      },
    ])
    const marks = await markTopic(pair.from, pair.to, topic, { mode: 'dense' })
    await withFolder(async (folder) => {
      const [first, second] = await run(marks, folder, async (mirror) => {
        await stopped(mirror)
        await oracle.produce(pair.source, topic, { count: 500, partitions: [1] })
        await untilCopied(mirror, await endsOf(pair.from, places(topic, 2)))
      })
      strictEqual(first!.problem!.code, 'FERRY1601')
      match(
        first!.problem!.detail,
        /too-large:0: the records at source offset 101 form a batch larger than the target takes/,
      )
      strictEqual(second!.state, 'mirroring')
      const copied = contentOf(await oracle.read(pair.target, topic))
      const before = await oracle.read(pair.source, topic)
      deepStrictEqual(copied, contentOf(before.filter((r) => r.partition === 1 || r.offset < 101n)))
    })
  })

  it('where retention of the source was quicker', async () => {
    const topic = await both('retention')
    await oracle.produce(pair.source, topic, { count: 1_000 })
    const marks = await markTopic(pair.from, pair.to, topic, { mode: 'dense' })
    await withFolder(async (folder) => {
      await run(marks, folder, async (mirror) => {
        await untilCopied(mirror, await endsOf(pair.from, places(topic)))
      })
      await oracle.produce(pair.source, topic, { count: 1_000 })
      await pair.from.deleteRecords(new Map([[key(topic), 1_500n]]))
      const [report] = await run(marks, folder, async (mirror) => {
        await stopped(mirror)
      })
      strictEqual(report!.problem!.code, 'FERRY1602')
      match(report!.problem!.detail, /retention:0: the records at source offsets 1000 to 1499 /)
      strictEqual((await endsOf(pair.to, places(topic))).get(key(topic)), 1_000n)
    })
  })

  it('where DeleteRecords overtakes it, after what it had fetched; the others go on', async () => {
    const topic = await both('overtaken', 2)
    const partitions = [0, 1]
    // More than it holds in memory, so that something is left to be deleted.
    await oracle.produce(pair.source, topic, { count: 24_000, size: 2_000, partitions })
    const marks = await markTopic(pair.from, pair.to, topic, { mode: 'dense' })
    await withFolder(async (folder) => {
      const [first, second] = await run(
        marks,
        folder,
        async (mirror) => {
          await waitFor('some records', { timeoutMs: 20_000 }, () =>
            mirror.reports().every((report) => report.records > 100) ? true : undefined,
          )
          await pair.from.deleteRecords(new Map([[key(topic), 11_990n]]))
          await stopped(mirror)
          await oracle.produce(pair.source, topic, { count: 10, partitions: [1] })
          await untilCopied(mirror, await endsOf(pair.from, places(topic, 2)))
        },
        {},
        { throttle: 4_000_000 },
      )
      const copied = Number((await endsOf(pair.to, places(topic))).get(key(topic)))
      strictEqual(first!.problem!.code, 'FERRY1602')
      match(
        first!.problem!.detail,
        new RegExp(
          `overtaken:0: the records at source offsets ${copied} to 11989 \\(${11_990 - copied} `,
        ),
      )
      strictEqual(second!.state, 'mirroring')
      // What it had in memory when it was overtaken is copied: no more is lost than must be.
      ok(copied > 1_500, `${copied}`)
    })
  })

  it('where batches of the source are damaged on its disk; the others go on', async () => {
    const topic = await both('damaged', 3)
    const partitions = [0, 1, 2]
    await oracle.produce(pair.source, topic, { count: 600, partitions, batchSize: 2_000 })
    const damage = (partition: number, byte: 'magic' | 'last') =>
      damageBatch(join(sourceData, `${topic}-${partition}`), 50n, byte)
    const [crc, magic] = [damage(0, 'last'), damage(1, 'magic')]
    const marks = await markTopic(pair.from, pair.to, topic, { mode: 'dense' })
    await withFolder(async (folder) => {
      const [first, second, third] = await run(marks, folder, async (mirror) => {
        await stopped(mirror, 0)
        await stopped(mirror, 1)
        await oracle.produce(pair.source, topic, { count: 10, partitions: [2] })
        await untilCopied(mirror, await endsOf(pair.from, places(topic, 3)))
      })
      strictEqual(first!.problem!.code, 'FERRY1612')
      match(
        first!.problem!.detail,
        new RegExp(
          `damaged:0: the records at source offsets ${crc.from} to ${crc.to - 1} do not match their checksum`,
        ),
      )
      match(
        first!.problem!.fix,
        new RegExp(`\`ferry resync m --accept-gap damaged:0:${crc.from}-${crc.to - 1}\``),
      )
      strictEqual(second!.problem!.code, 'FERRY1601')
      match(
        second!.problem!.detail,
        new RegExp(
          `damaged:1: the records at source offsets ${magic.from} to ${magic.to - 1} are in a format that is not known`,
        ),
      )
      strictEqual(third!.state, 'mirroring')
      const ends = await endsOf(pair.to, places(topic, 3))
      deepStrictEqual([...ends.values()].map(Number), [crc.from, magic.from, 210])
    })
  })

  it('where the source topic was deleted and created again while it ran', async () => {
    const topic = await both('recreated-live')
    await oracle.produce(pair.source, topic, { count: 100 })
    const marks = await markTopic(pair.from, pair.to, topic, { mode: 'dense' })
    await withFolder(async (folder) => {
      const [report] = await run(marks, folder, async (mirror) => {
        await untilCopied(mirror, await endsOf(pair.from, places(topic)))
        await recreate(pair.from, topic)
        await oracle.produce(pair.source, topic, { count: 200, keyPrefix: 'other-' })
        await stopped(mirror)
      })
      strictEqual(report!.problem!.code, 'FERRY1603')
      strictEqual((await endsOf(pair.to, places(topic))).get(key(topic)), 100n)
    })
  })

  describe('where the source topic was deleted and created again between two fetches', () => {
    const withoutId = ({ sourceTopicId: _, ...mark }: Mark): Mark => mark

    /** Copies from a source whose fetches stop, in whose place another topic is then. */
    const recreatedUnseen = async (
      name: string,
      options: {
        readonly before: number
        readonly fetches: number
        readonly after: number
        readonly size?: number
        readonly mark?: (mark: Mark) => Mark
        /** Default: too late to see it. */
        readonly watchEveryMs?: number
      },
    ) => {
      const { before, fetches, after, size = 100, mark = (it: Mark) => it } = options
      const { watchEveryMs = 600_000 } = options
      const [topic, bystander] = [await both(name), await both(`${name}-bystander`)]
      await oracle.produce(pair.source, topic, { count: before, size })
      const old = contentOf(await oracle.read(pair.source, topic))
      const marks = [
        ...(await markTopic(pair.from, pair.to, topic, { mode: 'dense' })),
        ...(await markTopic(pair.from, pair.to, bystander, { mode: 'dense' })),
      ].map(mark)
      const gate = new FetchGate(pair.from)
      gate.allow(fetches)
      return withFolder(async (folder) => {
        const store = new FileProgress(`${folder}/progress`)
        const mirror = startMirror(mirrorOptions(gate.port, pair.to, store, { project: topic }), {
          watchEveryMs,
        })
        try {
          mirror.follow([{ migration: 'm', marks, seals: [] }])
          await waitFor('some of it', { timeoutMs: 20_000 }, () =>
            mirror.reports()[0]!.next > 0 ? true : undefined,
          )
          await gate.held()
          await recreate(pair.from, topic)
          await oracle.produce(pair.source, topic, { count: after, size, keyPrefix: 'other-' })
          gate.allow(Number.POSITIVE_INFINITY)
          const { problem } = await stopped(mirror)
          await oracle.produce(pair.source, bystander, { count: 10 })
          await untilCopied(mirror, await endsOf(pair.from, places(bystander)))
          strictEqual(problem!.code, 'FERRY1603')
          const copied = contentOf(await oracle.read(pair.target, topic))
          return { detail: problem!.detail, old, copied }
        } finally {
          gate.allow(Number.POSITIVE_INFINITY)
          await mirror.stop()
        }
      })
    }

    it('and is longer than the old one already: its id tells, nothing of it is copied', async () => {
      const { detail, old, copied } = await recreatedUnseen('reborn', {
        before: 100,
        fetches: 3,
        after: 300,
      })
      deepStrictEqual(copied, old)
      match(detail, /reborn:0: the source topic has id .* was copied from source offsets 0 to 99, /)
    })

    it('and has no id, but ends lower than was seen: nothing of it is copied', async () => {
      const { detail, old, copied } = await recreatedUnseen('reborn-shorter', {
        before: 3_500,
        fetches: 1,
        after: 3_000,
        size: 2_000,
        mark: withoutId,
      })
      ok(copied.length > 300 && copied.length < 3_000, `${copied.length}`)
      deepStrictEqual(copied, old.slice(0, copied.length))
      const to = copied.length - 1
      match(detail, new RegExp(`from source offset 0 on .* to target offsets 0 to ${to}\\.`))
    })

    it('and has no id, and is longer: it is found at the next look, with all that was copied', async () => {
      const { detail, copied } = await recreatedUnseen('reborn-longer', {
        before: 100,
        fetches: 3,
        after: 300,
        watchEveryMs: 300,
        mark: withoutId,
      })
      const to = copied.length - 1
      match(detail, new RegExp(`from source offset 0 on .* to target offsets 0 to ${to}\\.`))
    })
  })

  it('where the source topic was deleted and created again', async () => {
    const topic = await both('recreated')
    await oracle.produce(pair.source, topic, { count: 100 })
    const marks = await markTopic(pair.from, pair.to, topic, { mode: 'dense' })
    await withFolder(async (folder) => {
      await run(marks, folder, async (mirror) => {
        await untilCopied(mirror, await endsOf(pair.from, places(topic)))
      })
      await recreate(pair.from, topic)
      // By its id; without ids (a source before 2.8) by its log end, or by the content once that is high enough.
      const withoutId = marks.map(({ sourceTopicId: _, ...mark }) => mark)
      for (const [known, more, says] of [
        [marks, 60, /the source topic has id/],
        [withoutId, 0, /the source log ends at 60, but everything below 100 was copied from it/],
        [
          withoutId,
          140,
          /from source offset 0 on .* other records than .* copied from there to target offsets 0 to 99\./,
        ],
      ] as const) {
        if (more > 0) {
          await oracle.produce(pair.source, topic, { count: more, keyPrefix: 'other-' })
        }
        const [report] = await run(known, folder, async (mirror) => {
          await stopped(mirror)
        })
        strictEqual(report!.problem!.code, 'FERRY1603')
        match(report!.problem!.detail, says)
      }
      strictEqual((await endsOf(pair.to, places(topic))).get(key(topic)), 100n)
    })
  })

  it('where the target topic was deleted', async () => {
    const topic = await both('lost')
    await oracle.produce(pair.source, topic, { count: 100 })
    const marks = await markTopic(pair.from, pair.to, topic, { mode: 'dense' })
    await withFolder(async (folder) => {
      await run(marks, folder, async (mirror) => {
        await untilCopied(mirror, await endsOf(pair.from, places(topic)))
      })
      await recreate(pair.to, topic)
      const [byId] = await run(marks, folder, async (mirror) => void (await stopped(mirror)))
      strictEqual(byId!.problem!.code, 'FERRY1613')
    })
  })

  it('where a batch is larger than the target takes, after all before it', async () => {
    const topic = await both('large')
    await oracle.produce(pair.source, topic, { count: 100 })
    await oracle.write(pair.source, topic, [{ key: null, value: 'x'.repeat(200_000) }])
    const { failed } = await pair.to.alterTopicConfigs(
      new Map([[topic, new Map([['max.message.bytes', '100000']])]]),
    )
    strictEqual(failed.size, 0)
    const marks = await markTopic(pair.from, pair.to, topic, { mode: 'dense' })
    await withFolder(async (folder) => {
      const [report] = await run(marks, folder, async (mirror) => void (await stopped(mirror)))
      match(
        report!.problem!.detail,
        /large:0: the records at source offset 100 form a batch larger than the target takes/,
      )
      strictEqual((await endsOf(pair.to, places(topic))).get(key(topic)), 100n)
      // It goes on once the reason is gone.
      await pair.to.alterTopicConfigs(
        new Map([[topic, new Map([['max.message.bytes', '1000000']])]]),
      )
      const [again] = await run(marks, folder, async (mirror) => {
        await untilCopied(mirror, await endsOf(pair.from, places(topic)))
      })
      strictEqual(again!.state, 'mirroring')
    })
  })

  it('where the target refuses the timestamps', async () => {
    const topic = await both('timestamps')
    await pair.to.alterTopicConfigs(
      new Map([[topic, new Map([['message.timestamp.before.max.ms', '3600000']])]]),
    )
    await oracle.produce(pair.source, topic, { count: 10, timestamp: Date.now() - 7_200_000 })
    const marks = await markTopic(pair.from, pair.to, topic, { mode: 'dense' })
    await withFolder(async (folder) => {
      const [report] = await run(marks, folder, async (mirror) => void (await stopped(mirror)))
      strictEqual(report!.problem!.code, 'FERRY1606')
      match(
        report!.problem!.detail,
        /the target refuses the records at source offsets 0 to 9: INVALID_TIMESTAMP/,
      )
    })
  })

  const prime = (topic: TopicName, upTo: bigint, filler: ProducerIdentity): Promise<void> =>
    primeUpTo(pair.to, topic, [upTo], filler, topic)

  it('that is to be primed, where something else is on the target, or it is past the start', async () => {
    const topic = topicName('occupied')
    await createTopic(pair.to, topic, 1)
    await oracle.produce(pair.target, topic, { count: 7, idempotent: false })
    const filler = await pair.to.initProducerId()
    await prime(topic, 100n, filler).then(
      () => ok(false),
      (error: Error) =>
        match(
          error.message,
          /FERRY1607 .*occupied:0: the records at target offsets 0 to 6 were not written by this priming/,
        ),
    )
    const past = topicName('past')
    await createTopic(pair.to, past, 1)
    await prime(past, 100n, filler)
    await prime(past, 50n, filler).then(
      () => ok(false),
      (error: Error) => match(error.message, /FERRY1608 .*past:0 ends at 100/),
    )
  })
})
