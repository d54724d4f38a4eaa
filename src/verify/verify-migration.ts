import { acceptedNote } from '../domain/accepted-gap.ts'
import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { PartitionKey, TopicName } from '../domain/ids.ts'
import type { Mark } from '../domain/mark.ts'
import type { Migration } from '../domain/migration.ts'
import { rankOf } from '../domain/offset-index.ts'
import type { PartitionProgress } from '../domain/partition-progress.ts'
import type { MigrationState } from '../domain/state.ts'
import { placesOf } from '../domain/state-places.ts'
import { lostNote } from '../domain/stranded.ts'
import type { OffsetAt } from '../kafka/cluster.ts'
import { codecsReady } from '../records/codecs.ts'
import { type CleanedTopics, cleanedTopics } from './cleaned-topics.ts'
import { compareRange, type RangeResult, type RangeToCompare } from './compare-records.ts'
import { findingDiagnostic } from './finding.ts'
import { inParallel } from './in-parallel.ts'
import { LogReader } from './log-reader.ts'
import { type BothClusters, type PartitionFacts, readFacts } from './partition-facts.ts'
import { VERIFY_FORMAT_VERSION, type VerifiedPartition, type VerifyReport } from './report.ts'
import { requireRights } from './require-rights.ts'
import { sampleRange } from './sample-range.ts'
import { exact } from './translator.ts'
import { verifyGroups } from './verify-groups.ts'

/** All records, or so many of each partition. */
export type VerifyMode =
  | { readonly kind: 'full' }
  | { readonly kind: 'sample'; readonly records: number }

export interface VerifyOptions {
  readonly clusters: BothClusters
  readonly migration: Migration
  readonly state: MigrationState
  readonly progress: ReadonlyMap<PartitionKey, PartitionProgress>
  readonly mode: VerifyMode
  /** The live line. */
  readonly report: (line: string) => void
  /** How long a partition may stay without an answer. Default one minute. */
  readonly patienceMs?: number
  readonly signal: AbortSignal
}

/** Read ahead on each side, over all partitions, and the least for one of them. */
const AHEAD_BYTES = 16 * 1024 * 1024
const LEAST_WINDOW_BYTES = 256 * 1024
const PARTITIONS_AT_ONCE = 32

/**
 * Compares both clusters. Read-only.
 *
 * 1. Read log positions, topic ids and cleanup policies of both sides; where a cleaner was before, the decisions know.
 * 2. Compare the records of each partition that can be mapped.
 * 3. Check and prove the positions of the groups.
 */
export const verifyMigration = async (options: VerifyOptions): Promise<VerifyReport> => {
  const { clusters, migration, state, progress } = options
  await codecsReady()
  const names = migration.topics.map(({ name }) => name)
  await requireRights(
    clusters,
    [...new Set(state.marks.map(({ topic }) => topic))].filter((name) => names.includes(name)),
    migration.groups,
  )
  const marks = names.flatMap((name) =>
    state.marks
      .filter(({ topic }) => topic === name)
      .sort((one, other) => one.partition - other.partition),
  )
  const [facts, cleaned, unmarked] = await Promise.all([
    readFacts(clusters, state, marks, progress),
    cleanedTopics(clusters, names, state),
    unmarkedPartitions(clusters, marks, placesOf(state).sealedTopics),
  ])
  const verified = await verifyRecords(options, facts, cleaned)
  const groups = await verifyGroups({
    ...options,
    facts: new Map(facts.map((each) => [each.key, each])),
    cleaned,
    patienceMs: options.patienceMs,
  })
  const topics = topicsOf(facts, verified, unmarked)
  return {
    formatVersion: VERIFY_FORMAT_VERSION,
    ok:
      topics.every(({ partitions }) => partitions.every(({ ok }) => ok)) &&
      groups.every(({ partitions }) => partitions.every(({ ok }) => ok)),
    topics,
    groups,
  }
}

const verifyRecords = async (
  options: VerifyOptions,
  facts: readonly PartitionFacts[],
  cleaned: CleanedTopics,
): Promise<readonly VerifiedPartition[]> => {
  const { clusters, mode, report, signal, patienceMs } = options
  const patience = patienceMs === undefined ? {} : { patienceMs }
  const source = new LogReader(clusters.source, patience, signal)
  const target = new LogReader(clusters.target, patience, signal)
  const atOnce = Math.min(facts.length, PARTITIONS_AT_ONCE)
  const windowBytes = Math.max(LEAST_WINDOW_BYTES, Math.floor(AHEAD_BYTES / Math.max(1, atOnce)))
  let done = 0
  try {
    return await inParallel(facts, atOnce, async (each) => {
      signal.throwIfAborted()
      const { mark, index } = each
      if (index === undefined) return partitionOf(each, undefined, options)
      const range: RangeToCompare = {
        index,
        source: {
          reader: source,
          logStart: exact(each.sourceStart),
          compacted: cleaned.source.has(mark.topic),
        },
        target: {
          reader: target,
          logStart: exact(each.targetStart),
          compacted: cleaned.target.has(mark.topic),
        },
        sealed: each.seal !== undefined,
        windowBytes,
      }
      const result =
        mode.kind === 'full' ? await compareRange(range) : await sampleRange(range, mode.records)
      signal.throwIfAborted()
      const partition = partitionOf(each, result, options)
      report(lineOf(each, result, partition.mirrored, `${++done} of ${facts.length}`))
      return partition
    })
  } finally {
    await Promise.all([source.close(), target.close()])
  }
}

const lineOf = (
  { key }: PartitionFacts,
  { compared, gone, finding }: RangeResult,
  mirrored: number,
  progress: string,
): string => {
  const counted = gone > 0 ? `, ${gone} only counted: retention or compaction took them` : ''
  const verdict = finding === undefined ? 'all equal' : 'a difference was found'
  return `${progress}: ${key}, ${compared} of ${mirrored} records compared${counted}; ${verdict}`
}

const partitionOf = (
  facts: PartitionFacts,
  result: RangeResult | undefined,
  { clusters, migration }: Pick<VerifyOptions, 'clusters' | 'migration'>,
): VerifiedPartition => {
  const { mark, index } = facts
  const names = {
    mark,
    migration: migration.name,
    source: clusters.source.name,
    target: clusters.target.name,
  }
  const problems = [
    ...facts.problems,
    ...facts.accepted.map(acceptedNote),
    ...facts.lost.map(lostNote),
    ...(result?.finding === undefined ? [] : [findingDiagnostic(result.finding, names)]),
  ]
  return {
    partition: mark.partition,
    sourceStart: exact(facts.sourceStart),
    sourceEnd: exact(facts.sourceStable),
    targetStart: exact(facts.targetStart),
    targetEnd: exact(facts.targetEnd),
    mirrored: index === undefined ? 0 : exact(rankOf(index, index.mirroredTo)),
    compared: result?.compared ?? 0,
    gone: result?.gone ?? 0,
    ok: problems.every(({ severity }) => severity !== 'error'),
    acceptedGaps: facts.accepted.map(({ from, to, code, at }) => ({
      from: exact(from),
      to: exact(to),
      code,
      at,
    })),
    problems,
  }
}

/** Partitions that the source has and no mark: their records are not on the target. */
const unmarkedPartitions = async (
  { source, target }: BothClusters,
  marks: readonly Mark[],
  sealed: ReadonlyMap<TopicName, unknown>,
): Promise<ReadonlyMap<TopicName, readonly VerifiedPartition[]>> => {
  const topics = [...new Set(marks.map(({ topic }) => topic))]
  const found = new Map<TopicName, VerifiedPartition[]>()
  const { ok } = await source.describeTopics(topics)
  for (const [topic, description] of ok) {
    if (description === 'absent') continue
    const own = marks.filter((mark) => mark.topic === topic)
    const known = new Set(own.map(({ partition }) => partition))
    const missing = description.partitions.filter(({ partition }) => !known.has(partition))
    found.set(
      topic,
      await Promise.all(
        missing.map(({ partition }) => unmarkedPartition(source, topic, partition, own[0]!)),
      ),
    )
  }
  // Shown, and no difference: the copy is what it was. It is only that nothing of these can go back.
  const there = await target.describeTopics(topics.filter((topic) => sealed.has(topic)))
  for (const [topic, description] of there.ok) {
    if (description === 'absent') continue
    const known = new Set(found.get(topic)?.map(({ partition }) => partition))
    const own = marks.filter((mark) => mark.topic === topic)
    const added = description.partitions.filter(
      ({ partition }) => partition >= own.length && !known.has(partition),
    )
    const extra = await Promise.all(
      added.map(({ partition }) => addedPartition(target, topic, partition, own.length)),
    )
    found.set(topic, [...(found.get(topic) ?? []), ...extra])
  }
  return found
}

const addedPartition = async (
  target: BothClusters['target'],
  topic: TopicName,
  partition: number,
  sealed: number,
): Promise<VerifiedPartition> => {
  const [start, end] = await endsOf(target, topic, partition)
  return {
    ...NOTHING_THERE,
    partition,
    targetStart: start,
    targetEnd: end,
    ok: true,
    problems: [
      diagnostic({
        code: 'FERRY1338',
        severity: 'warning',
        detail: `${topic}:${partition} is on ${target.name} only, up to offset ${end}: it was added after the topic was sealed with ${sealed} partitions.`,
        fix: 'Nothing, if the service stays there. Once it has held a record there is no way back.',
      }),
    ],
  }
}

const endsOf = async (
  cluster: BothClusters['source'],
  topic: TopicName,
  partition: number,
): Promise<readonly [number, number]> => {
  const only = async (at: OffsetAt) =>
    exact([...(await cluster.listOffsets([{ topic, partition }], at)).ok.values()][0] ?? 0n)
  return Promise.all([only('earliest'), only('stable')])
}

const NOTHING_THERE = {
  sourceStart: 0,
  sourceEnd: 0,
  targetStart: 0,
  targetEnd: 0,
  mirrored: 0,
  compared: 0,
  gone: 0,
  acceptedGaps: [],
} as const

const unmarkedPartition = async (
  source: BothClusters['source'],
  topic: TopicName,
  partition: number,
  { way }: Pick<Mark, 'way'>,
): Promise<VerifiedPartition> => {
  const [start, end] = await endsOf(source, topic, partition)
  const isBack = way === 'reverse'
  const problem: Diagnostic = diagnostic({
    code: 'FERRY1813',
    detail: `${topic}:${partition} is on ${source.name}, but has no mark: it was added after mirroring ${isBack ? 'back ' : ''}began, and its records are not on the ${isBack ? 'other cluster' : 'target'}.`,
    fix: isBack
      ? 'There is no way back for what is in it: stay where it is.'
      : 'Run plan and apply again: a new plan adds the partition and marks it.',
  })
  return {
    ...NOTHING_THERE,
    partition,
    sourceStart: start,
    sourceEnd: end,
    ok: false,
    problems: [problem],
  }
}

const topicsOf = (
  facts: readonly PartitionFacts[],
  verified: readonly VerifiedPartition[],
  unmarked: ReadonlyMap<TopicName, readonly VerifiedPartition[]>,
): VerifyReport['topics'] => {
  const names = [...new Set(facts.map(({ mark }) => mark.topic))]
  return names.map((name) => {
    const own = facts.flatMap(({ mark }, i) => (mark.topic === name ? [verified[i]!] : []))
    return {
      name,
      mode: facts.find(({ mark }) => mark.topic === name)!.mark.mode,
      partitions: [...own, ...(unmarked.get(name) ?? [])],
    }
  })
}
