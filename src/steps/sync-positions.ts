import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import {
  type GroupId,
  type PartitionKey,
  parsePartitionKey,
  type SourceOffset,
} from '../domain/ids.ts'
import { writtenBy } from '../domain/moved-groups.ts'
import { expectedTargetEnd } from '../domain/offset-index.ts'
import { partitionsListed } from '../domain/partition-list.ts'
import { type Skipped, skippedBelow } from '../domain/skipped.ts'
import type { SyncedPosition, SyncGroup } from '../domain/step.ts'
import { translateOffset } from '../domain/translate-offset.ts'
import type { CommittedOffset } from '../kafka/cluster.ts'
import { counted } from './_words.ts'
import { firstOf } from './gates/reading.ts'
import type { PartitionNow } from './partitions-now.ts'
import type { Run } from './step-kind.ts'

export type Commits = ReadonlyMap<PartitionKey, CommittedOffset>

/** What is to be written for one partition. */
export interface WantedPosition {
  /** The source position that the target one stands for. */
  readonly source: SourceOffset
  /** Where the group itself was on the source, if it is taken back from there. */
  readonly rewoundFrom?: SourceOffset
  readonly target: bigint
  readonly metadata: string
}

export interface WantedPositions {
  readonly positions: ReadonlyMap<PartitionKey, WantedPosition>
  /** What lies below the marks and the group had not read. */
  readonly skipped: readonly Skipped[]
}

/**
 * T of every position, by what the mirror has proved to be on the target. A problem where one of them has no exact counterpart: positions
 * outside the migration, past what is mirrored, or past the seal.
 */
export const wantedPositions = (
  step: SyncGroup,
  committed: Commits,
  now: ReadonlyMap<PartitionKey, PartitionNow>,
): WantedPositions | { readonly problem: Diagnostic } => {
  const foreign = [...committed.keys()].find(
    (key) => !step.topics.includes(parsePartitionKey(key).topic),
  )
  if (foreign !== undefined) return { problem: commitsElsewhere(step, foreign) }
  const unmarked = [...committed.keys()].find((key) => !now.has(key))
  if (unmarked !== undefined) return { problem: notMarked(step, unmarked) }
  const positions = new Map<PartitionKey, WantedPosition>()
  const skipped: Skipped[] = []
  for (const [key, partition] of now) {
    const commit = committed.get(key)
    if (!commit) {
      const chosen = withoutCommit(step, partition)
      if (chosen) positions.set(key, chosen)
      continue
    }
    const source = commit.offset as SourceOffset
    const { metadata } = commit
    const translation = translateOffset(partition.proven, source)
    if (translation.kind !== 'ahead') {
      const { mark, sourceStart } = partition
      const below = { from: source, mark: mark.sourceStart, logStart: sourceStart }
      const left = skippedBelow(key, below)
      if (left) skipped.push(left)
      positions.set(key, { source, target: translation.target, metadata })
    } else if (partition.seal && step.allowRewind && source <= partition.sourceEnd) {
      const { sourceEnd, targetEnd } = partition.seal
      positions.set(key, { source: sourceEnd, rewoundFrom: source, target: targetEnd, metadata })
    } else return { problem: ahead(step, key, source, translation.missing) }
  }
  return { positions, skipped }
}

/**
 * Positions that the group had on the source when the plan was made, or at an earlier sync, and has not any more. That is no absence to be
 * copied: they expired, or somebody has deleted them, and where the group goes on is not known. What is due no more is none of it: this step has
 * written it before, or the group has read there.
 */
export const commitsLost = (
  step: SyncGroup,
  { clusters: { source, target }, state }: Pick<Run, 'clusters' | 'state'>,
  committed: Commits,
  isDue: (key: PartitionKey) => boolean,
): Diagnostic | undefined => {
  const planned = step.committedIn === undefined ? [] : partitionsListed(step.committedIn)
  // Where partitions without a commit get a position all the same, a sync does not tell which of its own came from one.
  const synced =
    step.onlyNew || step.uncommitted !== 'absent'
      ? []
      : (state()
          .syncs.find(({ group }) => group === step.group)
          ?.positions.keys() ?? [])
  const known = new Set([...planned, ...synced])
  const lost = [...known].filter(
    (key) =>
      isDue(key) && !committed.has(key) && step.topics.includes(parsePartitionKey(key).topic),
  )
  const isFewer = step.committedIn === undefined && committed.size < step.committed
  if (lost.length === 0 && !isFewer) return undefined
  const where = lost.length > 0 ? firstOf(lost) : counted(step.committed, 'partition')
  return diagnostic({
    code: 'FERRY1708',
    detail: `${step.group} had a position in ${where} on ${source.name} and has ${lost.length > 0 ? 'none' : `only ${committed.size}`} any more: it expired or was deleted. Nothing was written on ${target.name}, as its consumers would do there what their auto.offset.reset says.`,
    fix: `Find out where its service was. Commit that on ${source.name} (kafka-consumer-groups.sh --reset-offsets), or say in the file what such partitions get (\`uncommitted: start\` or \`end\`); then make a new plan.`,
  })
}

const withoutCommit = (step: SyncGroup, { proven }: PartitionNow): WantedPosition | undefined => {
  const { mark, mirroredTo } = proven
  switch (step.uncommitted) {
    case 'absent':
      return undefined
    case 'start':
      return { source: mark.sourceStart, target: mark.targetStart, metadata: '' }
    case 'end':
      return { source: mirroredTo, target: expectedTargetEnd(proven), metadata: '' }
  }
}

const commitsElsewhere = (step: SyncGroup, key: PartitionKey): Diagnostic =>
  diagnostic({
    code: 'FERRY1308',
    detail: `${step.group} has committed on ${key} since the plan was made, which is in no topic of this migration.`,
    fix: 'Add the topic to the migration, or delete that commit if it is old; then make a new plan.',
  })

const notMarked = (step: SyncGroup, key: PartitionKey): Diagnostic =>
  diagnostic({
    code: 'FERRY1703',
    detail: `${step.group} has committed on ${key}, which came on the source since the mark of its topic: nothing of it is on the target.`,
    fix: 'Make a new plan: it adds the partition, marks and mirrors it, and then syncs the group.',
  })

const ahead = (step: SyncGroup, key: PartitionKey, offset: bigint, missing: bigint): Diagnostic =>
  diagnostic({
    code: 'FERRY1703',
    detail: `${step.group} is at ${offset} of ${key}, ${missing} past what is mirrored.`,
    fix: 'Run apply again: it waits until the mirror has passed every position.',
  })

/** Why these positions must not be written; undefined: nothing stands against them. */
export const refusal = (
  step: SyncGroup,
  wanted: ReadonlyMap<PartitionKey, WantedPosition>,
  now: ReadonlyMap<PartitionKey, PartitionNow>,
  previous: Commits,
  run: Pick<Run, 'clusters' | 'state'>,
): Diagnostic | undefined => {
  const { target } = run.clusters
  // Nothing is written there, so that its consumers would begin at what somebody left.
  const left = [...previous.keys()].find((key) => now.has(key) && !wanted.has(key))
  if (left !== undefined) {
    return diagnostic({
      code: 'FERRY1705',
      detail: `${step.group} has no position in ${left} on the source, but is at ${previous.get(left)!.offset} of it on ${target.name} already: its consumers would begin there and miss what is before.`,
      fix: `Delete that offset on ${target.name} (kafka-consumer-groups.sh --delete-offsets), or write \`uncommitted: start\` or \`end\` for this group.`,
    })
  }
  for (const [key, position] of wanted) {
    const { targetStart, targetEnd } = now.get(key)!
    if (position.target < targetStart || position.target > targetEnd) {
      return diagnostic({
        code: 'FERRY1702',
        detail: `${step.group} would be at ${position.target} of ${key} on ${target.name}, whose log holds ${targetStart} to ${targetEnd}.`,
        fix: 'Look at retention.ms and retention.bytes of the target topic; the topic has to be mirrored again.',
      })
    }
    const there = previous.get(key)
    if (step.allowRewind || !there || there.offset <= position.target) continue
    if (isOurs(run, step, key, there)) continue
    return diagnostic({
      code: 'FERRY1705',
      detail: `${step.group} is at ${there.offset} of ${key} on ${target.name} already, ${counted(there.offset - position.target, 'offset')} past ${position.target}.`,
      fix: `Find out who committed there. If these records may be read again: --allow-rewind ${step.group}.`,
    })
  }
  return undefined
}

/** What an attempt that did not come to its end has written is not somebody's progress. */
const isOurs = (
  run: Pick<Run, 'state'>,
  step: SyncGroup,
  key: PartitionKey,
  there: CommittedOffset,
): boolean =>
  run
    .state()
    .syncs.some((s) => s.group === step.group && writtenBy(s, key)?.target === there.offset)

/** What the group had on the target before the first attempt to sync it: after that, our own commit may be there. */
export const previousOf = (
  run: Pick<Run, 'state'>,
  group: GroupId,
  key: PartitionKey,
  now: CommittedOffset | undefined,
): SyncedPosition['previous'] => {
  const sync = run.state().syncs.find((s) => s.group === group)
  const known = writtenBy(sync, key)
  if (known !== undefined) return known.previous
  return now === undefined ? null : { offset: now.offset, metadata: now.metadata }
}
