import { valuesOf } from '../domain/answers.ts'
import type { Diagnostic } from '../domain/diagnostic.ts'
import type { PartitionKey, TopicName } from '../domain/ids.ts'
import { parsePartitionKey, partitionKey } from '../domain/ids.ts'
import type { Mark } from '../domain/mark.ts'
import {
  closeReceipt,
  RECEIPT_FORMAT_VERSION,
  type Receipt,
  type ReceiptGroup,
  type ReceiptPartition,
  type ReceiptPosition,
  type ReceiptRange,
} from '../domain/receipt.ts'
import type { LostRange, MigrationState, Salvage } from '../domain/state.ts'
import { placesOf } from '../domain/state-places.ts'
import type { Retire } from '../domain/step.ts'
import { receiptPartitions } from '../verify/index.ts'
import type { Run } from './step-kind.ts'

/** How long what was read may be lost to a crash. */
const KEEP_EVERY_MS = 10_000

/** Reads both clusters and writes the receipt to the state; goes on where an earlier attempt was left. The problem if it cannot be written. */
export const writeReceipt = async (step: Retire, run: Run): Promise<Receipt | Diagnostic> => {
  const plan = run.state().plan?.digest ?? ''
  const written = run.state().receipt
  if (written?.plan === plan) return written
  const read = await readPartitions(step, run)
  if ('problem' in read) return read.problem
  run.report('reads the positions of the groups for the receipt')
  const groups = await readGroups(step, run)
  const state = run.state()
  const named = ({ name, id }: { readonly name: string; readonly id: string }) => ({ name, id })
  const receipt = closeReceipt({
    formatVersion: RECEIPT_FORMAT_VERSION,
    kind: 'ferry-receipt',
    migration: state.migration,
    lineage: state.lineage,
    plan,
    by: run.by,
    at: run.now().toISOString(),
    clusters: { source: named(run.clusters.source), target: named(run.clusters.target) },
    partitions: read.partitions,
    groups,
    // One that has not ended has appended nobody knows how much.
    salvaged: state.salvages.filter(({ status }) => status === 'done').map(rangeOf),
    lost: state.lost.map((range) => ({
      ...rangeOf(range),
      unseen: range.unseen,
      ...(range.unsure && { unsure: true }),
      by: range.by,
    })),
  })
  await run.decide(({ receiptParts: _, ...rest }) => ({ ...rest, receipt }))
  return receipt
}

const rangeOf = ({ topic, partition, from, to, at }: Salvage | LostRange): ReceiptRange => ({
  topic,
  partition,
  from: Number(from),
  to: Number(to),
  at,
})

const readPartitions = async (
  { topics }: Retire,
  run: Run,
): ReturnType<typeof receiptPartitions> => {
  const state = run.state()
  const fresh: ReceiptPartition[] = []
  let keptAt = run.now().getTime()
  return receiptPartitions({
    clusters: run.clusters,
    state,
    topics,
    progress: await run.store.readProgress(run.migration.name),
    earlier: (state.receiptParts ?? []).filter((part) => isOfNow(part, state)),
    keep: async (part) => {
      fresh.push(part)
      const now = run.now().getTime()
      if (now - keptAt < KEEP_EVERY_MS) return
      keptAt = now
      const kept = fresh.splice(0)
      await run.decide((s) => ({ ...s, receiptParts: [...(s.receiptParts ?? []), ...kept] }))
    },
    report: run.report,
    signal: run.signal,
  })
}

/** A rollback may have come between: what was read under another mark or seal says nothing. */
const isOfNow = (part: ReceiptPartition, state: MigrationState): boolean => {
  const key = partitionKey(part.topic as TopicName, part.partition)
  const { marks, seals } = placesOf(state)
  return marks.get(key)?.at === part.mark.at && seals.get(key)?.at === part.seal.at
}

const readGroups = async (
  { groups, topics }: Retire,
  run: Run,
): Promise<readonly ReceiptGroup[]> => {
  if (groups.length === 0) return []
  const seen = valuesOf(await run.clusters.target.lookAtCommits(groups))
  const state = run.state()
  const { marks } = placesOf(state)
  const synced = state.syncs.filter((sync) => groups.includes(sync.group))
  return synced.map(({ group, at, positions }) => ({
    group,
    at,
    positions: [...positions]
      .map(([key, position]) => ({ key, ...parsePartitionKey(key), ...position }))
      .filter(({ topic }) => topics.includes(topic))
      .sort(byPlace)
      .map(({ key, topic, partition, source, rewoundFrom, target, previous, proof }) => ({
        topic,
        partition,
        source: Number(rewoundFrom ?? source),
        targetBefore: previous === null ? null : Number(previous.offset),
        ...skippedTo(marks.get(key), rewoundFrom ?? source),
        target: Number(target),
        proof,
        atRetire: positionNow(seen.get(group)?.commits, key),
      })),
  }))
}

/** Of a position: what the group had not read before the mark. */
export const skippedTo = (
  mark: Pick<Mark, 'sourceStart'> | undefined,
  source: bigint,
): Pick<ReceiptPosition, 'skipped'> =>
  mark !== undefined && source < mark.sourceStart
    ? { skipped: Number(mark.sourceStart - source) }
    : {}

const positionNow = (
  commits: ReadonlyMap<PartitionKey, { readonly offset: bigint }> | undefined,
  key: PartitionKey,
): number | null => {
  const found = commits?.get(key)
  return found === undefined ? null : Number(found.offset)
}

const byPlace = (
  one: { readonly topic: TopicName; readonly partition: number },
  other: { readonly topic: TopicName; readonly partition: number },
): number =>
  one.topic === other.topic ? one.partition - other.partition : one.topic < other.topic ? -1 : 1
