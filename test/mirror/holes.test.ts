import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { afterAll, beforeAll, describe, it } from 'vitest'
import {
  type GroupId,
  partitionKey,
  type SourceOffset,
  type TopicName,
} from '../../src/domain/ids.ts'
import type { Mark } from '../../src/domain/mark.ts'
import { indexFromEnds } from '../../src/domain/offset-index.ts'
import { offsetMapOf } from '../../src/domain/partition-progress.ts'
import { emptyState, type MigrationState } from '../../src/domain/state.ts'
import type { ReturnGroup, SyncGroup } from '../../src/domain/step.ts'
import { startMirror } from '../../src/mirror/start-mirror.ts'
import { returnGroup } from '../../src/steps/return-group.ts'
import type { Run } from '../../src/steps/step-kind.ts'
import { syncGroup } from '../../src/steps/sync-group.ts'
import { proveEach } from '../../src/verify/prove-position.ts'
import { untilCleaned } from '../kafka/cleaner.ts'
import { oracle, type Writing } from '../kafka/oracle.ts'
import { waitFor } from '../kafka/wait.ts'
import { runOn } from '../scenarios/_run.ts'
import { beginMirroring, compareLogs, look, verifyCase } from './_cases.ts'
import { MirrorChild } from './_child.ts'
import { COMPACTED, caseConfig, writeRaw } from './_fills.ts'
import {
  createTopic,
  endsOf,
  FileProgress,
  mirrorOptions,
  type Pair,
  startPair,
  topicName,
  untilCopied,
  withFolder,
} from './_support.ts'

const DAY = 24 * 60 * 60 * 1000
const THREE_DAYS_AGO = Date.now() - 3 * DAY
/** More of them in `npm run test:matrix`. */
const KILLS = Number(process.env.FERRY_TEST_KILLS ?? 2)

/** Sources with holes, and a target that forgets the producers of old records within a second: only the lock, the log and the index help. Each as a project of its own. */
describe.concurrent('holes of the source survive', () => {
  let pair: Pair
  beforeAll(async () => {
    const forgetful = { 'producer.id.expiration.check.interval.ms': '1000' }
    pair = await startPair({
      source: { config: caseConfig('4.x') },
      target: { config: { ...forgetful, ...caseConfig('4.x') } },
    })
  })
  afterAll(() => pair?.stop())

  const both = async (name: string, configs: Record<string, string> = {}): Promise<TopicName> => {
    const topic = topicName(name)
    await createTopic(pair.from, topic, 1, configs)
    await createTopic(pair.to, topic, 1)
    return topic
  }

  const transactions = (topic: TopicName, count: number, id = 'a'): Writing => ({
    topic,
    count,
    valuePrefix: id,
    size: 1_000,
    transactionalId: `${topic}-${id}`,
    commitEvery: 20,
    abortEvery: 4,
    timestamp: THREE_DAYS_AGO,
    timestampStep: 1,
  })

  const endOf = async (topic: TopicName): Promise<number> => {
    const ends = await endsOf(pair.to, [{ topic, partition: 0 }])
    return Number(ends.get(partitionKey(topic, 0)))
  }

  const progressOf = async (store: FileProgress, { topic }: Mark) =>
    (await store.readProgress()).get(partitionKey(topic, 0))

  it('kill -9, with transactions and records without a time, dense and padded', async () => {
    const topics = [await both('killed-dense'), await both('killed-identical')]
    await oracle.writeMany(
      pair.source,
      topics.map((topic) => transactions(topic, 5_000)),
    )
    const untimed = Array.from({ length: 40 }, (_, i) =>
      Array.from({ length: 25 }, (_, j) => ({
        timestamp: -1,
        key: Buffer.from(`${i}`),
        value: Buffer.from(`untimed ${i} ${j}`),
      })),
    )
    for (const topic of topics) await writeRaw({ pair, topic }, untimed)
    await oracle.writeMany(
      pair.source,
      topics.map((topic) => transactions(topic, 2_000, 'b')),
    )
    const marks = [
      ...(await beginMirroring({ pair, topic: topics[0]! }, 'dense')),
      ...(await beginMirroring({ pair, topic: topics[1]! }, 'identical')),
    ]
    const sourceEnds = await endsOf(
      pair.from,
      topics.map((topic) => ({ topic, partition: 0 })),
    )
    await withFolder(async (folder) => {
      for (let kill = 1; kill <= KILLS; kill++) {
        const child = MirrorChild.start(pair, folder, marks, {
          project: 'killed',
          throttle: 1_500_000,
        })
        const before = await endOf(topics[1]!)
        const step = 100 + Math.floor(Math.random() * 300)
        await waitFor('the padded one to grow', { timeoutMs: 60_000, everyMs: 20 }, async () =>
          (await endOf(topics[1]!)) > before + step ? true : undefined,
        )
        await child.end('SIGKILL')
        const left = Number(sourceEnds.get(partitionKey(topics[1]!, 0))) - (await endOf(topics[1]!))
        ok(left > 0, 'it was killed when all was copied')
      }
      const store = new FileProgress(`${folder}/progress`)
      const mirror = startMirror(mirrorOptions(pair.from, pair.to, store, { project: 'killed' }))
      mirror.follow([{ migration: 'm', marks, seals: [] }])
      await untilCopied(mirror, sourceEnds, 120_000)
      await mirror.stop()
      deepStrictEqual(
        mirror.reports().map((r) => [r.problem, r.divergedAt]),
        marks.map(() => [undefined, undefined]),
      )
      const [source, target] = [await look(pair.source, topics), await look(pair.target, topics)]
      for (const mark of marks) {
        const records = compareLogs({ source, target }, mark, await progressOf(store, mark))
        // Each fourth transaction was aborted.
        strictEqual(records, 3_760 + 1_000 + 1_500)
      }
    })
  })

  it('the cleaner of the source and DeleteRecords, between copy, crash, restart, lookup, and the sync and return of a group', async () => {
    const topic = await both('cleaned', { ...COMPACTED, 'min.compaction.lag.ms': '0' })
    const writing = (first: number, hour: number, count: number, keys: number): Writing => ({
      topic,
      count,
      keys,
      size: 1_000,
      firstId: first,
      timestamp: THREE_DAYS_AGO + hour * 3_600_000,
      timestampStep: 1,
      batchSize: 2_000,
    })
    // Of one segment, which is not cleaned as long as it is the last.
    await oracle.writeMany(pair.source, [writing(0, 0, 6_000, 1_500)])
    const [mark] = await beginMirroring({ pair, topic }, 'dense')
    const first = (await look(pair.source, [topic])).records.get(topic)!
    await withFolder(async (folder) => {
      const child = MirrorChild.start(pair, folder, [mark!], {
        project: 'cleaned',
        throttle: 1_500_000,
      })
      await waitFor('some to be copied', { timeoutMs: 60_000, everyMs: 20 }, async () =>
        (await endOf(topic)) > 1_500 ? true : undefined,
      )
      await child.end('SIGKILL')
      await oracle.writeMany(pair.source, [writing(0, 5, 1_000, 1_000), writing(0, 9, 10, 10)])
      await untilCleaned(pair.source, [topic])
      const cleaned = (await look(pair.source, [topic])).records.get(topic)!
      ok(cleaned.length < 4_000, `${cleaned.length} are left`)
      const copied = await endOf(topic)
      ok(copied < 6_000, 'it was killed when all was copied')
      // What was copied before, and what the source still holds behind it.
      const next = first[copied]!.offset
      const expected = [...first.slice(0, copied), ...cleaned.filter((r) => r.offset >= next)]
      const gone = first.slice(0, copied).filter((r) => !cleaned.some((c) => c.offset === r.offset))
      ok(gone.length > 0, 'nothing that was copied is gone')
      const store = new FileProgress(`${folder}/progress`)
      // A broker shows the policy that allows it a moment before its logs have it.
      const trim = (before: bigint) =>
        waitFor('records to be deleted', { timeoutMs: 30_000 }, async () => {
          const below = new Map([[partitionKey(topic, 0), before]])
          return (await pair.from.deleteRecords(below)).failed.size === 0 || undefined
        })
      const restart = async () => {
        const mirror = startMirror(mirrorOptions(pair.from, pair.to, store, { project: 'cleaned' }))
        mirror.follow([{ migration: 'm', marks: [mark!], seals: [] }])
        const [report] = await untilCopied(
          mirror,
          await endsOf(pair.from, [{ topic, partition: 0 }]),
        )
        await mirror.stop()
        strictEqual(report!.problem, undefined)
        return report!
      }
      /** Every position, by the list of what was read at first; and what sync and verify make of it with the source as it is now. */
      const compare = async () => {
        const { offsets } = await look(pair.source, [topic])
        const source = { records: new Map([[topic as string, expected]]), offsets }
        const target = await look(pair.target, [topic])
        const progress = await progressOf(store, mark!)
        compareLogs({ source, target }, mark!, progress)
        const index = indexFromEnds(
          offsetMapOf(mark!, progress),
          target.offsets.get(topic)![0]!.end as never,
        )
        const positions = Array.from({ length: 60 }, (_, i) => ({
          index,
          source: BigInt(Math.floor((Number(index.mirroredTo) * i) / 59)) as SourceOffset,
        }))
        const proofs = await proveEach({
          clusters: { source: pair.from, target: pair.to },
          positions,
          cleaned: { known: {} },
          signal: new AbortController().signal,
        })
        deepStrictEqual(
          proofs.filter((proof) => 'problem' in proof),
          [],
        )
        const verified = await verifyCase(pair, { mark: mark!, progress, problem: undefined })
        deepStrictEqual(verified.problems, [])
        return new Set(proofs.map((proof) => 'proof' in proof && proof.proof))
      }
      /** A group that lags where the cleaner was since the copy: its next record is on the target alone. */
      const moveGroup = async (from: bigint) => {
        const [here, there] = [gone.find((r) => r.offset >= from)!, gone.at(-1)!]
        ok(here.offset < there.offset, 'too little of what was copied is gone')
        const group = `${topic}.api` as GroupId
        const commit = async (cluster: typeof pair.from, offset: bigint) => {
          const commits = new Map([[partitionKey(topic, 0), { offset, metadata: '' }]])
          strictEqual((await cluster.commitOffsets(group, commits)).failed.size, 0)
        }
        const offsets = async (cluster: typeof pair.source) =>
          (await oracle.groupOffsets(cluster, group)).map(({ offset }) => offset)
        let state: MigrationState = { ...emptyState('m', 'lineage'), marks: [mark!] }
        const run = {
          ...runOn({ source: pair.from, target: pair.to }, [topic]),
          store: { readProgress: () => store.readProgress() },
          state: () => state,
          decide: async (change: (s: MigrationState) => MigrationState) => {
            state = change(state)
          },
        } as unknown as Run
        const step = {
          group,
          topics: [topic],
          uncommitted: 'absent',
          allowRewind: false,
        } as unknown
        await commit(pair.from, here.offset)
        const synced = await syncGroup.apply(step as SyncGroup, run)
        ok(synced.done, 'problem' in synced ? synced.problem.detail : '')
        // Where it was copied to: nothing was missing then.
        deepStrictEqual(await offsets(pair.target), [here.offset])
        strictEqual(state.syncs[0]!.positions.get(partitionKey(topic, 0))!.proof, 'cleaned')
        await commit(pair.to, there.offset)
        const returned = await returnGroup.apply(step as ReturnGroup, run)
        ok(returned.done, 'problem' in returned ? returned.problem.detail : '')
        deepStrictEqual(await offsets(pair.source), [there.offset])
      }
      // A topic that is only compacted refuses DeleteRecords.
      const policy = new Map([['cleanup.policy', 'compact,delete']])
      strictEqual((await pair.from.alterTopicConfigs(new Map([[topic, policy]]))).failed.size, 0)
      // Into what was copied before the crash.
      const trimmed = first[Math.floor(copied / 2)]!.offset
      await trim(trimmed)
      await restart()
      const proofs = await compare()
      ok(proofs.has('record') && proofs.has('cleaned'))
      await moveGroup(trimmed)
      // And behind what came after it.
      await trim(expected[Math.floor((copied + expected.length) / 2)]!.offset)
      strictEqual((await restart()).records, 0)
      ok((await compare()).has('count'))
    })
  })

  it('a marker too many: shown, and every position stays exact', async () => {
    const topic = await both('overshot')
    await oracle.writeMany(pair.source, [transactions(topic, 200)])
    const marks = await beginMirroring({ pair, topic }, 'identical')
    const place = [{ topic, partition: 0 }]
    await withFolder(async (folder) => {
      const store = new FileProgress(folder)
      const run = async () => {
        const mirror = startMirror(
          mirrorOptions(pair.from, pair.to, store, { project: 'overshot' }),
        )
        mirror.follow([{ migration: 'm', marks, seals: [] }])
        const [report] = await untilCopied(mirror, await endsOf(pair.from, place))
        await mirror.stop()
        strictEqual(report!.problem, undefined)
        return { report: report!, counters: mirror.counters }
      }
      const { report, counters } = await run()
      ok(counters.markersWritten > 0)
      strictEqual(report.divergedAt, undefined)
      // As a request that was sent again because its answer was lost.
      const { brokers } = await pair.to.describeCluster()
      const link = await pair.to.connectBroker(brokers[0]!.nodeId)
      const before = await endOf(topic)
      const request = {
        topic,
        partition: 0,
        producerId: marks[0]!.fillerProducerId,
        producerEpoch: 0,
      }
      const fence = (await progressOf(store, marks[0]!))!.holder.generation
      // The broker refuses who held the lock before.
      strictEqual(
        await link.writeMarkers({ ...request, count: 1, coordinatorEpoch: fence - 1 }),
        52,
      )
      strictEqual(await link.writeMarkers({ ...request, count: 2, coordinatorEpoch: fence }), 0)
      await link.close()
      strictEqual(await endOf(topic), before + 2)
      await oracle.writeMany(pair.source, [
        { topic, count: 30 },
        transactions(topic, 100, 'b'),
        { topic, count: 7 },
      ])
      const after = await run()
      strictEqual(after.report.divergedAt, before)
      strictEqual(after.counters.markersWritten, 0)
      const again = await run()
      deepStrictEqual([again.report.records, again.report.divergedAt], [0, before])
      const [source, target] = [await look(pair.source, [topic]), await look(pair.target, [topic])]
      const progress = await progressOf(store, marks[0]!)
      const records = compareLogs({ source, target }, marks[0]!, progress)
      const mirrored = { mark: marks[0]!, progress, problem: undefined }
      deepStrictEqual(await verifyCase(pair, mirrored), {
        compared: records,
        mirrored: records,
        problems: [],
      })
    })
  })
})
