import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import {
  type PartitionKey,
  partitionKey,
  type SourceOffset,
  type TopicName,
} from '../domain/ids.ts'
import { type OffsetIndex, rankOf } from '../domain/offset-index.ts'
import type { PartitionProgress } from '../domain/partition-progress.ts'
import {
  digestOfBlocks,
  indexFigures,
  type ReceiptBlock,
  type ReceiptPartition,
} from '../domain/receipt.ts'
import type { MigrationState } from '../domain/state.ts'
import { codecsReady } from '../records/codecs.ts'
import { cleanedTopics } from './cleaned-topics.ts'
import { ranksBetween, sourceOf, without } from './compare-records.ts'
import { type BlockDigest, digestBlocks, type OffsetBlock } from './digest-blocks.ts'
import { inParallel } from './in-parallel.ts'
import { compareBlock, judgeBlock } from './judge-block.ts'
import { LogReader } from './log-reader.ts'
import { type BothClusters, type PartitionFacts, readFacts } from './partition-facts.ts'
import { ReadingMeter } from './reading-meter.ts'
import { type BlockPlace, blocksEach, blocksOf, ranksIn } from './receipt-blocks.ts'
import { exact, targetOf } from './translator.ts'

export interface ReceiptOptions {
  readonly clusters: BothClusters
  readonly state: MigrationState
  /** All of them sealed. */
  readonly topics: readonly TopicName[]
  readonly progress: ReadonlyMap<PartitionKey, PartitionProgress>
  /** Partitions that an earlier attempt has read: they are not read again. */
  readonly earlier: readonly ReceiptPartition[]
  /** Called after each partition that was read. */
  readonly keep: (part: ReceiptPartition) => Promise<void>
  readonly report: (line: string) => void
  readonly patienceMs?: number
  readonly signal: AbortSignal
}

const PARTITIONS_AT_ONCE = 8
const WINDOW_BYTES = 1024 * 1024

/**
 * Reads all that was copied, on both sides at once, and makes a digest of each block. Where both still hold a block, their digests must be
 * equal: the receipt says that the copy is the source's, record by record, up to the seal. A block of which a cleaner took records is read
 * once more, in step. Answers the first problem instead if not.
 */
export const receiptPartitions = async (
  options: ReceiptOptions,
): Promise<
  { readonly partitions: readonly ReceiptPartition[] } | { readonly problem: Diagnostic }
> => {
  const { clusters, state, progress, earlier, signal } = options
  await codecsReady()
  const names = [...options.topics].sort()
  const places = new Map(names.map((name, place) => [name, place]))
  const placeOf = ({ topic }: { readonly topic: TopicName }) => places.get(topic) ?? -1
  const marks = state.marks
    .filter(({ topic }) => places.has(topic))
    .sort((one, other) => placeOf(one) - placeOf(other) || one.partition - other.partition)
  const [facts, cleaned] = await Promise.all([
    readFacts(clusters, state, marks, progress),
    cleanedTopics(clusters, names, state),
  ])
  const problem = facts.flatMap(({ problems }) => problems)[0]
  if (problem !== undefined) return { problem }

  const most = blocksEach(facts.length)
  const parts = new Map(earlier.map((part) => [keyOf(part), part]))
  const planned = facts.filter(({ key }) => !parts.has(key)).map((each) => planOf(each, most))
  const total = planned.reduce((sum, { toRead }) => sum + toRead, 0)
  const meter = new ReadingMeter('reads the copy for the receipt', total, options.report)
  const patience = options.patienceMs === undefined ? {} : { patienceMs: options.patienceMs }
  const source = new LogReader(clusters.source, patience, signal)
  const target = new LogReader(clusters.target, patience, signal)
  try {
    const read = await inParallel(planned, PARTITIONS_AT_ONCE, async (each) => {
      const part = await readPartition(each, {
        readers: { source, target },
        cleaned: {
          source: cleaned.source.has(each.facts.mark.topic),
          target: cleaned.target.has(each.facts.mark.topic),
        },
        count: (records) => meter.add(records),
        names: { source: clusters.source.name, target: clusters.target.name },
      })
      signal.throwIfAborted()
      if (!('code' in part)) await options.keep(part)
      return part
    })
    const failed = read.find((part): part is Diagnostic => 'code' in part)
    if (failed !== undefined) return { problem: failed }
    for (const part of read as readonly ReceiptPartition[]) parts.set(keyOf(part), part)
    return { partitions: facts.map(({ key }) => parts.get(key)!) }
  } finally {
    await Promise.all([source.close(), target.close()])
  }
}

const keyOf = ({ topic, partition }: ReceiptPartition): PartitionKey =>
  partitionKey(topic as TopicName, partition)

interface PlannedPartition {
  readonly facts: PartitionFacts
  readonly index: OffsetIndex
  readonly places: readonly BlockPlace[]
  /** Records on both sides. */
  readonly toRead: number
}

/** What the target still holds, in blocks. */
const planOf = (facts: PartitionFacts, most: number): PlannedPartition => {
  const index = facts.index as OffsetIndex
  const start = index.mark.sourceStart
  const first = targetOf(index, exact(start))!
  const targetStart = exact(facts.targetStart)
  const from = targetStart > first ? (BigInt(sourceOf(index, targetStart)) as SourceOffset) : start
  const sourceFrom = Math.max(exact(from), exact(facts.sourceStart))
  const end = exact(index.mirroredTo)
  return {
    facts,
    index,
    places: from < index.mirroredTo ? blocksOf(index, from, most) : [],
    toRead: ranksBetween(index, exact(from), end) + ranksBetween(index, sourceFrom, end),
  }
}

interface Reading {
  readonly readers: { readonly source: LogReader; readonly target: LogReader }
  /** The sides whose cleaner may have been there. */
  readonly cleaned: Readonly<Record<'source' | 'target', boolean>>
  readonly count: (records: number) => void
  readonly names: { readonly source: string; readonly target: string }
}

const readPartition = async (
  { facts, index, places }: PlannedPartition,
  { readers, cleaned, count, names }: Reading,
): Promise<ReceiptPartition | Diagnostic> => {
  const { mark, seal, key } = facts
  const { topic, partition } = mark
  const read = (side: 'source' | 'target', blocks: readonly OffsetBlock[]) =>
    digestBlocks({
      reader: readers[side],
      topic,
      partition,
      blocks,
      ...(side === 'source' && without(index)),
      logStart: exact(side === 'source' ? facts.sourceStart : facts.targetStart),
      windowBytes: WINDOW_BYTES,
      count,
    })
  const [mine, theirs] = await Promise.all([
    read(
      'source',
      places.map(({ sourceFrom: from, sourceTo: to }) => ({ from, to })),
    ),
    read(
      'target',
      places.map(({ targetFrom: from, targetTo: to }) => ({ from, to })),
    ),
  ])
  for (const [side, found] of [
    ['source', mine],
    ['target', theirs],
  ] as const) {
    if ('kind' in found) return unreadable(key, names[side], found.detail)
  }
  const side = (of: 'source' | 'target', logStart: bigint) => ({
    reader: readers[of],
    logStart: exact(logStart),
    compacted: cleaned[of],
  })
  const both = {
    index,
    source: side('source', facts.sourceStart),
    target: side('target', facts.targetStart),
    windowBytes: WINDOW_BYTES,
  }
  const blocks: ReceiptBlock[] = []
  for (const [i, place] of places.entries()) {
    const judged = judgeBlock((mine as BlockDigest[])[i]!, (theirs as BlockDigest[])[i]!, {
      ranks: ranksIn(index, place),
      cleaned,
    })
    const source = judged === 'compare' ? await compareBlock({ ...both, place }) : judged
    if (typeof source === 'object') return unreadable(key, names[source.side], source.detail)
    if (source === 'differs') return differs(key, place, names)
    if (source !== 'left-out') {
      blocks.push({ ...place, ...(theirs as Exclude<BlockDigest, 'gone'>[])[i]!, source })
    }
  }
  const mirrored = exact(rankOf(index, index.mirroredTo))
  const held = blocks.reduce((sum, { records }) => sum + records, 0)
  return {
    topic,
    partition,
    offsets: mark.mode,
    topicIds: { source: mark.sourceTopicId ?? null, target: mark.targetTopicId ?? null },
    mark: {
      sourceStart: exact(mark.sourceStart),
      targetStart: exact(mark.targetStart),
      at: mark.at,
    },
    seal: { sourceEnd: exact(seal!.sourceEnd), targetEnd: exact(seal!.targetEnd), at: seal!.at },
    index: indexFigures(index),
    mirrored,
    gone: mirrored - held,
    acceptedGaps: facts.accepted.map(({ from, to, code, at }) => ({
      from: exact(from),
      to: exact(to),
      code,
      at,
    })),
    sha256: digestOfBlocks(blocks),
    blocks,
  }
}

const unreadable = (key: PartitionKey, cluster: string, detail: string): Diagnostic =>
  diagnostic({
    code: 'FERRY1808',
    detail: `${key} on ${cluster}: ${detail}. The receipt would not say what was moved.`,
    fix: 'Apply again once the cause is gone; `ferry explain FERRY1808` lists the causes.',
  })

const differs = (
  key: PartitionKey,
  { sourceFrom, sourceTo, targetFrom }: BlockPlace,
  { source, target }: Reading['names'],
): Diagnostic =>
  diagnostic({
    code: 'FERRY1801',
    detail: `${key}: the records that ${source} holds at offsets ${sourceFrom} to ${sourceTo - 1} are not those that ${target} holds from offset ${targetFrom} on.`,
    fix: 'Run `ferry verify --full`: it names the first record that differs. Nothing was retired.',
  })
