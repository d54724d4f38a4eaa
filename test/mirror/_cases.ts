import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { afterAll, beforeAll, describe, it, vi } from 'vitest'
import {
  partitionKey,
  type SourceOffset,
  type TargetOffset,
  type TopicName,
} from '../../src/domain/ids.ts'
import type { Mark } from '../../src/domain/mark.ts'
import type { Migration } from '../../src/domain/migration.ts'
import { expectedTargetEnd, indexFromEnds } from '../../src/domain/offset-index.ts'
import { offsetMapOf, type PartitionProgress } from '../../src/domain/partition-progress.ts'
import { emptyState } from '../../src/domain/state.ts'
import { translateOffset } from '../../src/domain/translate-offset.ts'
import { MirroredPartition } from '../../src/mirror/partition.ts'
import { type RunningMirror, startMirror } from '../../src/mirror/start-mirror.ts'
import { verifyMigration } from '../../src/verify/verify-migration.ts'
import type { KafkaVersion } from '../kafka/index.ts'
import { oracle } from '../kafka/oracle.ts'
import type { OracleRecord, PartitionOffsets } from '../kafka/oracle-lines.ts'
import { waitFor } from '../kafka/wait.ts'
import { DATA_CASES, type DataCase } from './_data-cases.ts'
import { caseConfig, type Place } from './_fills.ts'
import { codecAt, type LoggedBatch, logOf } from './_log.ts'
import {
  createTopic,
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

/** Primes if the mode needs it, and marks. */
export const beginMirroring = async (
  { pair: { from, to }, topic }: Pick<Place, 'pair' | 'topic'>,
  mode: Mark['mode'],
): Promise<readonly Mark[]> => {
  const filler = await to.initProducerId()
  const starts = await from.listOffsets([{ topic, partition: 0 }], 'earliest')
  const upTo = starts.ok.get(partitionKey(topic, 0))!
  if (mode === 'identical' && upTo > 0n) await primeUpTo(to, topic, [upTo], filler)
  return markTopic(from, to, topic, { mode, fillerProducerId: filler.producerId })
}

/** What Kafka's own client says of topics of both sides. */
export interface Seen {
  readonly records: ReadonlyMap<string, readonly OracleRecord[]>
  readonly offsets: ReadonlyMap<string, readonly PartitionOffsets[]>
}

export const look = async (
  cluster: Pair['source'],
  topics: readonly TopicName[],
): Promise<Seen> => {
  const isolation = cluster.version === '0.10.2' ? 'read_uncommitted' : 'read_committed'
  const records = await oracle.readMany(cluster, topics, { isolation })
  return { records, offsets: await oracle.offsetsMany(cluster, topics) }
}

/** Everything that two logs hold for consumers; and every source offset of the partition, translated. Answers how many records. */
export const compareLogs = (
  { source, target }: { readonly source: Seen; readonly target: Seen },
  mark: Mark,
  progress: PartitionProgress | undefined,
): number => {
  const { topic } = mark
  const [before, after] = [source.records.get(topic)!, target.records.get(topic)!]
  const [[here], [there]] = [source.offsets.get(topic)!, target.offsets.get(topic)!]
  const content = (records: typeof before) =>
    records.map(({ offset: _o, timestampType: _t, ...rest }) => rest)
  deepStrictEqual(content(after), content(before))
  const isIdentical = mark.mode === 'identical' && progress?.diverged == null
  const places = (records: typeof before) => records.map((r) => r.offset)
  if (isIdentical) {
    deepStrictEqual(places(after), places(before))
    deepStrictEqual([there!.start, there!.end], [here!.start, here!.stable])
  }
  const { end } = there!
  const index = indexFromEnds(offsetMapOf(mark, progress), end as TargetOffset)
  strictEqual(expectedTargetEnd(index), end)
  strictEqual(index.mirroredTo, here!.stable)
  let next = 0
  for (let offset = mark.sourceStart as bigint; offset <= index.mirroredTo; offset++) {
    while (next < before.length && before[next]!.offset < offset) next++
    const target = after[next]?.offset ?? end
    deepStrictEqual(translateOffset(index, offset as SourceOffset), { kind: 'at', target })
  }
  return before.length
}

/** What became of the topic of a case. */
export interface Mirrored {
  readonly mark: Mark
  readonly progress: PartitionProgress | undefined
  readonly problem: string | undefined
}

/** Adds up how many records of each topic are opened: a mirror counts those of all together. Ends with what it answers. */
const countOpened = (mirror: RunningMirror, opened: Map<TopicName, number>): (() => void) => {
  const { receive } = MirroredPartition.prototype
  const counting = vi.spyOn(MirroredPartition.prototype, 'receive').mockImplementation(function (
    this: MirroredPartition,
    ...answer
  ) {
    const before = mirror.counters.recordsReEncoded
    const isToSend = receive.apply(this, answer)
    const more = mirror.counters.recordsReEncoded - before
    opened.set(this.topic, (opened.get(this.topic) ?? 0) + more)
    return isToSend
  })
  return () => counting.mockRestore()
}

/**
 * Mirrors topics that are filled already: first those of which nothing may be opened, then the others; then all of them once more, which
 * must find nothing to do.
 */
export const mirrorCases = async (
  { from, to }: Pair,
  marks: readonly Mark[],
  opens: (topic: TopicName) => boolean,
): Promise<ReadonlyMap<TopicName, Mirrored>> => {
  const ends = (await from.listOffsets(marks, 'stable')).ok
  return withFolder(async (folder) => {
    const store = new FileProgress(folder)
    const openedOf = new Map<TopicName, number>()
    const run = async (some: readonly Mark[]) => {
      const mirror = startMirror(mirrorOptions(from, to, store))
      if (some.length === 0) return { counters: mirror.counters, reports: [] }
      const stopCounting = countOpened(mirror, openedOf)
      try {
        mirror.follow([{ migration: 'm', marks: some, seals: [] }])
        const reports = await untilCopied(mirror, ends)
        await mirror.stop()
        return { counters: mirror.counters, reports }
      } finally {
        stopCounting()
      }
    }
    const passed = await run(marks.filter(({ topic }) => !opens(topic)))
    strictEqual(passed.counters.recordsReEncoded, 0)
    const toOpen = marks.filter(({ topic }) => opens(topic))
    await run(toOpen)
    const untouched = toOpen.filter(({ topic }) => (openedOf.get(topic) ?? 0) === 0)
    deepStrictEqual(untouched, [], 'nothing of these was opened')
    const again = await run(marks)
    ok(again.reports.every(({ records }) => records === 0))
    strictEqual(again.counters.markersWritten, 0)
    const progress = await store.readProgress()
    return new Map(
      marks.map((mark) => {
        const report = again.reports.find(({ topic }) => topic === mark.topic)
        const known = progress.get(partitionKey(mark.topic, 0))
        return [mark.topic, { mark, progress: known, problem: report?.problem?.detail }]
      }),
    )
  })
}

/** What `ferry verify --full` says of one of them: records compared, and problems. */
export const verifyCase = async (
  { from, to }: Pair,
  { mark, progress }: Mirrored,
): Promise<{
  readonly compared: number
  readonly mirrored: number
  readonly problems: unknown
}> => {
  const report = await verifyMigration({
    clusters: { source: from, target: to },
    migration: { name: 'm', topics: [{ name: mark.topic }], groups: [] } as unknown as Migration,
    state: { ...emptyState('m', 'l'), marks: [mark] },
    progress: new Map(progress && [[partitionKey(mark.topic, 0), progress]]),
    mode: { kind: 'full' },
    report: () => {},
    signal: new AbortController().signal,
  })
  const { compared, mirrored, problems } = report.topics[0]!.partitions[0]!
  return { compared, mirrored, problems }
}

/** The topic of a case. */
export const topicOf = (data: DataCase): TopicName =>
  topicName(data.name.replaceAll(/[^a-z0-9.]+/g, '-'))

/** Makes the data of cases on the source. */
export const fillCases = async (
  pair: Pair,
  version: KafkaVersion,
  cases: readonly DataCase[],
): Promise<void> => {
  await Promise.all(
    cases.map(async (data) => {
      const topic = topicOf(data)
      await createTopic(pair.from, topic, 1, data.configs ?? {})
      await data.fill({ pair, version, topic })
      const log = data.holds === undefined ? [] : await logOf({ pair, topic })
      ok(data.holds?.(log, version) ?? true, `the log does not hold: ${data.name}`)
    }),
  )
}

/** Empty topics for them on the target. */
export const emptyTargets = async (pair: Pair, cases: readonly DataCase[]): Promise<void> => {
  const topics = cases.map(topicOf)
  const isThere = async () => {
    const described = await pair.to.describeTopics(topics)
    return topics.filter((topic) => described.ok.get(topic) !== 'absent')
  }
  const old = await isThere()
  if (old.length > 0) {
    strictEqual((await pair.to.deleteTopics(old)).failed.size, 0)
    await waitFor('topics to be gone', { timeoutMs: 60_000 }, async () =>
      (await isThere()).length === 0 ? true : undefined,
    )
  }
  const window = Object.fromEntries(
    ['before', 'after'].map((side) => [`message.timestamp.${side}.max.ms`, '9223372036854775807']),
  )
  for (const data of cases) {
    await createTopic(pair.to, topicOf(data), 1, { ...window, ...data.targetConfigs })
  }
}

/** One after the other: only one at a time can have the lock of the project. */
const inTurn = async <T, R>(all: readonly T[], act: (one: T) => Promise<R>): Promise<R[]> => {
  const results: R[] = []
  for (const one of all) results.push(await act(one))
  return results
}

/** Cases that a version can make. */
export const casesOf = (version: KafkaVersion): readonly DataCase[] =>
  DATA_CASES.filter((data) => data.impossible?.(version) === undefined)

/** What a version cannot make, and why. */
const impossibleIn = (version: KafkaVersion): readonly string[] =>
  DATA_CASES.flatMap((data) => {
    const why = data.impossible?.(version)
    return why === undefined ? [] : [`${data.name} (${why})`]
  })

/** The tests of all cases from one source: what it cannot make is listed with the reason, in the title. */
export const describeCases = (version: KafkaVersion): void => {
  const impossible = impossibleIn(version)
  const without = impossible.length > 0 ? `, which cannot make: ${impossible.join(', ')}` : ''
  describe(`data of ${version}${without}`, () => {
    const cases = casesOf(version)
    let pair: Pair
    let source: Seen
    let logs: ReadonlyMap<TopicName, readonly LoggedBatch[]>
    beforeAll(async () => {
      pair = await startPair({ source: { version, config: caseConfig(version) } })
      await fillCases(pair, version, cases)
      source = await look(pair.source, cases.map(topicOf))
      logs = new Map(
        await Promise.all(
          cases.map(async (data) => {
            const topic = topicOf(data)
            return [topic, await logOf({ pair, topic })] as const
          }),
        ),
      )
    })
    afterAll(() => pair?.stop())

    for (const mode of ['dense', 'identical'] as const) {
      describe(mode, () => {
        let mirrored: ReadonlyMap<TopicName, Mirrored>
        let target: Seen
        beforeAll(async () => {
          await emptyTargets(pair, cases)
          const marks = await inTurn(cases, (data) =>
            beginMirroring({ pair, topic: topicOf(data) }, mode),
          )
          // All that 0.10.2 writes is in an old format.
          const opened = cases.filter((data) => data.opens || version === '0.10.2').map(topicOf)
          mirrored = await mirrorCases(pair, marks.flat(), (topic) => opened.includes(topic))
          target = await look(pair.target, cases.map(topicOf))
        })

        for (const data of cases) {
          it(`${data.name}: every record and position`, async () => {
            const result = mirrored.get(topicOf(data))!
            strictEqual(result.problem, undefined)
            // Else offsets would not be compared.
            strictEqual(result.progress!.diverged, null)
            const records = compareLogs({ source, target }, result.mark, result.progress)
            ok(records > 0)
            const topic = topicOf(data)
            const log = await logOf({ pair, topic }, 'to')
            if (data.becomes) ok(data.becomes(log))
            ok(log.every(({ hasDeleteHorizon }) => !hasDeleteHorizon))
            const codecs = (of: readonly LoggedBatch[], { records }: Seen) =>
              records.get(topic)!.map(({ offset }) => codecAt(of, offset))
            deepStrictEqual(codecs(log, target), codecs(logs.get(topic)!, source))
            const verified = await verifyCase(pair, result)
            deepStrictEqual(verified, { compared: records, mirrored: records, problems: [] })
          })
        }
      })
    }
  })
}
