import type { Diagnostic } from '../domain/diagnostic.ts'
import type { GroupId, PartitionKey, TopicName } from '../domain/ids.ts'
import { partitionKey } from '../domain/ids.ts'
import type { OffsetIndex } from '../domain/offset-index.ts'
import { indexFigures, type Receipt, type ReceiptPartition } from '../domain/receipt.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { codecsReady } from '../records/codecs.ts'
import { cleanedOn, type KnownCleaned } from './cleaned-topics.ts'
import { inParallel } from './in-parallel.ts'
import { LogReader } from './log-reader.ts'
import { ReadingMeter } from './reading-meter.ts'
import { checkBlocks, type SideOfReceipt } from './receipt-side.ts'
import { notConfirmed } from './receipt-words.ts'

export const RECEIPT_REPORT_VERSION = '1.0'

/** `ferry verify NAME --receipt --json`. */
export interface ReceiptReport {
  readonly formatVersion: typeof RECEIPT_REPORT_VERSION
  readonly ok: boolean
  readonly migration: string
  readonly retiredAt: string
  readonly digest: string
  readonly partitions: readonly CheckedPartition[]
  readonly groups: readonly {
    readonly group: string
    readonly positions: readonly CheckedPosition[]
  }[]
  /** What could not be looked at, and why; nothing of it is wrong. */
  readonly notes: readonly string[]
}

export interface CheckedPartition {
  readonly topic: string
  readonly partition: number
  /** Records between mark and seal, as the receipt says. */
  readonly mirrored: number
  readonly target: CheckedSide
  /** Null: the source was not asked. */
  readonly source: CheckedSide | null
  /** Null: the state has no index of this partition any more. */
  readonly indexConfirmed: boolean | null
  readonly ok: boolean
  readonly problems: readonly Diagnostic[]
}

/** Records of the receipt: read again and the same; no longer there, so only counted. */
export interface CheckedSide {
  readonly confirmed: number
  readonly gone: number
}

export interface CheckedPosition {
  readonly topic: string
  readonly partition: number
  /** Of the receipt. */
  readonly written: number
  /** Now; null: no position any more, deleted or expired. */
  readonly source: number | null
  readonly target: number | null
  readonly ok: boolean
  readonly problems: readonly Diagnostic[]
}

export interface CheckReceiptOptions {
  readonly receipt: Receipt
  readonly target: Cluster
  /** Undefined: it cannot be reached any more, which `sourceAway` says. */
  readonly source: Cluster | undefined
  readonly sourceAway?: string
  /** The offset indexes that the state still has, by partition. */
  readonly indexes: ReadonlyMap<PartitionKey, OffsetIndex>
  /** What the state still knows of cleaners that were at the copy. */
  readonly known: KnownCleaned
  readonly report: (line: string) => void
  readonly patienceMs?: number
  readonly signal: AbortSignal
}

const PARTITIONS_AT_ONCE = 8

/**
 * Takes every figure of a receipt again and compares. Read-only, and needs no state.
 *
 * 1. What both sides still hold: topic ids, log starts and ends.
 * 2. The digest of every block that is still there, on both sides; what retention or a cleaner removed is counted.
 * 3. The offset indexes, where the state has them.
 * 4. The positions of the groups.
 */
export const checkReceipt = async (options: CheckReceiptOptions): Promise<ReceiptReport> => {
  const { receipt, source, target, signal } = options
  await codecsReady()
  const sides = {
    target: await sideOf(target, 'target', options),
    source: source && (await sideOf(source, 'source', options)),
  }
  const total = receipt.partitions.reduce((sum, part) => sum + part.mirrored - part.gone, 0)
  const meter = new ReadingMeter('checks the receipt', source ? 2 * total : total, options.report)
  try {
    const partitions = await inParallel(receipt.partitions, PARTITIONS_AT_ONCE, async (part) => {
      const count = (records: number) => meter.add(records)
      const [theirs, mine] = await Promise.all([
        checkBlocks(part, sides.target, count),
        sides.source && checkBlocks(part, sides.source, count),
      ])
      signal.throwIfAborted()
      return partitionOf(part, theirs, mine, options)
    })
    const groups = await checkGroups(options)
    const rows = [...partitions, ...groups.flatMap(({ positions }) => positions)]
    return {
      formatVersion: RECEIPT_REPORT_VERSION,
      ok: rows.every(({ ok }) => ok),
      migration: receipt.migration,
      retiredAt: receipt.at,
      digest: receipt.digest,
      partitions,
      groups,
      notes: notesOf(options, partitions),
    }
  } finally {
    await Promise.all([sides.target.reader.close(), sides.source?.reader.close()])
  }
}

const sideOf = async (
  cluster: Cluster,
  side: 'source' | 'target',
  { receipt, known, patienceMs, signal }: CheckReceiptOptions,
): Promise<SideOfReceipt> => {
  const names = [...new Set(receipt.partitions.map(({ topic }) => topic as TopicName))]
  const topics = await cluster.describeTopics(names)
  const isThere = (name: TopicName) => {
    const found = topics.ok.get(name)
    return found !== undefined && found !== 'absent'
  }
  const there = receipt.partitions
    .filter(({ topic }) => isThere(topic as TopicName))
    .map(({ topic, partition }) => ({ topic: topic as TopicName, partition }))
  const [starts, ends, compacted] = await Promise.all([
    cluster.listOffsets(there, 'earliest'),
    cluster.listOffsets(there, 'latest'),
    cleanedOn(cluster, names.filter(isThere), known),
  ])
  const patience = patienceMs === undefined ? {} : { patienceMs }
  const reader = new LogReader(cluster, patience, signal)
  return { side, name: cluster.name, reader, topics, starts, ends, compacted }
}

const partitionOf = (
  part: ReceiptPartition,
  target: Awaited<ReturnType<typeof checkBlocks>>,
  source: Awaited<ReturnType<typeof checkBlocks>> | undefined,
  { indexes }: CheckReceiptOptions,
): CheckedPartition => {
  const index = indexes.get(partitionKey(part.topic as TopicName, part.partition))
  const isSame = index && indexFigures(index).sha256 === part.index.sha256
  const wrongIndex =
    isSame === false
      ? [
          notConfirmed(
            part,
            'the offset index of the state is another one than the receipt says: positions would be translated otherwise than they were',
          ),
        ]
      : []
  const problems = [...target.problems, ...(source?.problems ?? []), ...wrongIndex]
  return {
    topic: part.topic,
    partition: part.partition,
    mirrored: part.mirrored,
    target: { confirmed: target.confirmed, gone: part.mirrored - target.confirmed },
    source: source ? { confirmed: source.confirmed, gone: part.mirrored - source.confirmed } : null,
    indexConfirmed: isSame ?? null,
    ok: problems.length === 0,
    problems,
  }
}

const checkGroups = async ({
  receipt,
  source,
  target,
}: CheckReceiptOptions): Promise<ReceiptReport['groups']> => {
  const ids = receipt.groups.map(({ group }) => group as GroupId)
  if (ids.length === 0) return []
  const [here, there] = await Promise.all([source?.lookAtCommits(ids), target.lookAtCommits(ids)])
  return receipt.groups.map(({ group, positions }) => {
    const id = group as GroupId
    const failures = [there.failed.get(id), here?.failed.get(id)].filter(
      (failure) => failure !== undefined,
    )
    return {
      group,
      positions: positions.map((position) => {
        const key = partitionKey(position.topic as TopicName, position.partition)
        const now = {
          source: numberOf(here?.ok.get(id)?.commits.get(key)?.offset),
          target: numberOf(there.ok.get(id)?.commits.get(key)?.offset),
        }
        const problems = [...failures]
        if (now.target !== null && now.target < position.target) {
          const what = `${group} is at ${now.target} of ${key} on ${target.name}, but was put at ${position.target}: somebody took it back`
          problems.push(notConfirmed(position, what))
        }
        if (source && now.source !== null && now.source > position.source) {
          const what = `${group} is at ${now.source} of ${key} on ${source.name}, but left it at ${position.source}: a consumer runs there`
          problems.push(notConfirmed(position, what))
        }
        return {
          topic: position.topic,
          partition: position.partition,
          written: position.target,
          ...now,
          ok: problems.length === 0,
          problems,
        }
      }),
    }
  })
}

const numberOf = (offset: bigint | undefined): number | null =>
  offset === undefined ? null : Number(offset)

const notesOf = (
  { source, sourceAway }: CheckReceiptOptions,
  partitions: readonly CheckedPartition[],
): readonly string[] => {
  const unknown = partitions.filter(({ indexConfirmed }) => indexConfirmed === null).length
  return [
    ...(source === undefined ? [`the source was not read: ${sourceAway ?? 'it is away'}`] : []),
    ...(unknown > 0
      ? [`the state has no offset index of ${unknown} of ${partitions.length} partitions any more`]
      : []),
  ]
}
