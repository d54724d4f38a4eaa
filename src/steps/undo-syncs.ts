import type { Diagnostic } from '../domain/diagnostic.ts'
import { type GroupId, type PartitionKey, partitionKey, type TargetOffset } from '../domain/ids.ts'
import type { GroupSync } from '../domain/moved-groups.ts'
import { expectedTargetEnd, indexFromEnds, rankOf } from '../domain/offset-index.ts'
import { offsetMapOf } from '../domain/partition-progress.ts'
import { placesOf } from '../domain/state-places.ts'
import type { RestoreGroup, ReturnGroup, Step } from '../domain/step.ts'
import type { CommittedOffset } from '../kafka/cluster.ts'
import { counted } from './_words.ts'
import type { PartitionNow } from './partitions-now.ts'
import { backPosition, lostPositions, movedTo, wasReturned } from './return-positions.ts'
import type { PlanContext, Undoing } from './step-kind.ts'

/** For each group that was synced: back to the source with what it read on the target, then its commits there as they were. Pure. */
export const undoSyncs = (
  context: PlanContext,
  undoing: Undoing,
): { readonly steps: readonly Step[]; readonly problems: readonly Diagnostic[] } => {
  if (undoing.stage !== 'consumers-moved') return { steps: [], problems: [] }
  const undone = context.state.syncs.map((sync) => undoSync(context, sync, undoing))
  // All groups go back before any commit on the target is touched.
  return {
    steps: [...undone.flatMap((u) => u.returned), ...undone.flatMap((u) => u.restored)],
    problems: undone.flatMap((u) => u.problems),
  }
}

const undoSync = (
  context: PlanContext,
  sync: GroupSync,
  { leadsTo, mirrorsBack }: Undoing,
): {
  readonly returned: readonly ReturnGroup[]
  readonly restored: readonly RestoreGroup[]
  readonly problems: readonly Diagnostic[]
} => {
  const { observed, state, desired } = context
  const topics = desired.topics.map((t) => t.name)
  const there = observed.target.groups.get(sync.group)?.commits ?? new Map()
  const here = observed.source.groups.get(sync.group)?.commits ?? new Map()
  const now = partitionsSeen(context)
  const previous = [...sync.positions.values()].filter((p) => p.previous !== null).length
  const ours = [...there.keys()].filter((key) => now.has(key))
  const restored: RestoreGroup = {
    kind: 'restore-group',
    id: `restore-group/${sync.group}`,
    stage: leadsTo,
    reason: 'what Ferry wrote there is of no use any more',
    undo: { cost: 'free', says: 'sync it again' },
    group: sync.group,
    topics,
    restored: previous,
    deleted: Math.max(0, ours.length - previous),
  }
  if (wasReturned(state, sync, there)) return { returned: [], restored: [restored], problems: [] }
  const { consumed, problems } = readThere(context, sync, { there, here, now, mirrorsBack })
  const returned: ReturnGroup = {
    kind: 'return-group',
    id: `return-group/${sync.group}`,
    stage: leadsTo,
    reason: 'its consumers must go on at exactly their next unread record',
    undo: { cost: 'restores', says: `sync it again; ${counted(ours.length, 'commit')} are saved` },
    group: sync.group,
    topics,
    positions: ours.length,
    consumed: String(consumed),
  }
  return { returned: [returned], restored: [restored], problems }
}

type Seen = Pick<PartitionNow, 'key' | 'index' | 'sourceStart' | 'sourceEnd'>

/** The marked partitions as they were observed. What is missing there is a problem of its own. */
const partitionsSeen = ({
  observed,
  state,
  progress,
}: PlanContext): ReadonlyMap<PartitionKey, Seen> => {
  const seen = new Map<PartitionKey, Seen>()
  for (const mark of state.marks) {
    const key = partitionKey(mark.topic, mark.partition)
    const source = observed.source.topics.get(mark.topic)?.partitions[mark.partition]
    const target = observed.target.topics.get(mark.topic)?.partitions[mark.partition]
    if (!source || !target || target.highWatermark < mark.targetStart) continue
    const seal = placesOf(state).seals.get(key)
    const stored = progress.get(key)
    const ours = stored?.producerId === mark.producerId ? stored : undefined
    const end = ours?.problem ? ours.checkedTo : (target.highWatermark as TargetOffset)
    seen.set(key, {
      key,
      index: indexFromEnds(offsetMapOf(mark, stored, state.acceptedGaps), seal ?? end),
      sourceStart: source.logStart,
      sourceEnd: source.highWatermark,
    })
  }
  return seen
}

interface Reading {
  readonly there: ReadonlyMap<PartitionKey, CommittedOffset>
  readonly here: ReadonlyMap<PartitionKey, CommittedOffset>
  readonly now: ReadonlyMap<PartitionKey, Seen>
  readonly mirrorsBack: boolean
}

const readThere = (
  { observed }: PlanContext,
  sync: GroupSync,
  { there, here, now, mirrorsBack }: Reading,
): { readonly consumed: bigint; readonly problems: readonly Diagnostic[] } => {
  const problems: Diagnostic[] = []
  const lost = lostPositions(sync.group as GroupId, there, sync, now)
  if (lost) problems.push(lost)
  let consumed = 0n
  for (const [key, partition] of now) {
    const moved = movedTo(key, there.get(key), sync)
    if (moved === undefined) continue
    const from = sync.positions.get(key)?.source ?? partition.index.mark.sourceStart
    const end = expectedTargetEnd(partition.index)
    if (mirrorsBack && moved.offset > end) {
      // Where it goes is known only once that part is on the source.
      consumed += moved.offset - end
      const upToSeal = rankOf(partition.index, partition.index.mirroredTo)
      consumed += upToSeal - rankOf(partition.index, from)
      continue
    }
    const names = { source: observed.source.name, target: observed.target.name }
    const answer = backPosition(sync.group, partition, moved, here.get(key), names)
    if ('problem' in answer) {
      problems.push(answer.problem)
      continue
    }
    const read = rankOf(partition.index, answer.source) - rankOf(partition.index, from)
    if (read > 0n) consumed += read
  }
  return { consumed, problems }
}
