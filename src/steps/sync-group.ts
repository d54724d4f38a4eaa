import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import {
  type GroupId,
  type PartitionKey,
  parsePartitionKey,
  partitionKey,
  type TopicName,
} from '../domain/ids.ts'
import type { GroupSpec } from '../domain/migration.ts'
import { listPartitions } from '../domain/partition-list.ts'
import { leavesOut, type Skipped, sumSkipped } from '../domain/skipped.ts'
import { placesOf } from '../domain/state-places.ts'
import type { SyncedPosition, SyncGroup } from '../domain/step.ts'
import { growthOf } from '../planner/grown.ts'
import { provePositions } from '../verify/index.ts'
import { counted } from './_words.ts'
import { commitsOf, firstMoved } from './commits-of.ts'
import { belowMarkIsHidden, commitsAreStable, groupIsEmpty, mirrorPassed } from './gates/index.ts'
import { againStep } from './gone-positions.ts'
import { partitionsNow } from './partitions-now.ts'
import { byPartition, skippedBy, startInWords, wouldSkip } from './skipped.ts'
import type { Outcome, PlanContext, Run, StepKind } from './step-kind.ts'
import { whyDue } from './sync-again.ts'
import {
  type Commits,
  commitsLost,
  previousOf,
  refusal,
  wantedPositions,
} from './sync-positions.ts'
import { positionFacts, writeOnTarget, writtenAt } from './sync-writes.ts'
import { undoSyncs } from './undo-syncs.ts'
import { writeAgain } from './write-again.ts'
import { unproved } from './write-commits.ts'

/** Writes a group's positions on the target, all of them in one request, and proves each by comparing the records around it. */
export const syncGroup: StepKind<SyncGroup> = {
  kind: 'sync-group',

  plan: (context, stage) => {
    if (stage !== 'consumers-moved') return { steps: [] }
    const { desired, observed } = context
    const topics = desired.topics.map((t) => t.name)
    const ours = new Set<TopicName>(topics)
    const partitions = topics.reduce(
      (sum, name) => sum + (observed.source.topics.get(name)?.partitions.length ?? 0),
      0,
    )
    const asked = desired.groups.map((spec) => ({ spec, ...whyDue(context, spec) }))
    const again = asked.flatMap(({ spec, reason, gone }) =>
      reason && !gone ? [] : syncNew(context, spec),
    )
    const steps = asked.flatMap(({ spec, reason, gone }): SyncGroup[] => {
      if (reason === undefined) return []
      if (gone) return [againStep(spec, topics, reason, gone)]
      const keys = committedNow(context, spec.id, ours)
      const committed = keys.length
      return [
        {
          kind: 'sync-group',
          id: `sync-group/${spec.id}`,
          stage,
          reason,
          undo: { cost: 'restores', says: `restore ${counted(committed, 'commit')}` },
          group: spec.id,
          topics,
          uncommitted: spec.uncommitted,
          allowRewind: spec.allowRewind ?? false,
          committed,
          committedIn: listPartitions(keys),
          partitions,
          ...skips(context, spec),
        },
      ]
    })
    return { steps: [...steps, ...again], problems: asked.flatMap(({ problem }) => problem ?? []) }
  },

  undo: (context, undoing) => undoSyncs(context, undoing),

  gates: (step) => [
    groupIsEmpty(step.group, 'source'),
    groupIsEmpty(step.group, 'target'),
    commitsAreStable(step.group, step.topics),
    mirrorPassed(step.group, step.topics, step.allowRewind),
    belowMarkIsHidden(step.topics),
  ],

  /**
   * 1. Read the positions on the source and where the mirror is.
   * 2. Translate each; refuse what cannot be exact.
   * 3. Prove each by the records around it, before anything is written.
   * 4. Save what was there before; write all in one request; read it back.
   * 5. See that the group did not move meanwhile, nor has anybody come who could: until then it does not count as synced.
   */
  apply: async (step, run) => {
    if (step.onlyGone) return writeAgain(step, run)
    const previous = await commitsOf(run.clusters.target, step.group)
    const isDue = (key: PartitionKey) => !step.onlyNew || isNew(run, step, key, previous)
    const onSource = await commitsOf(run.clusters.source, step.group)
    const committed = where(onSource, isDue)
    const now = where(await partitionsNow(run, step.topics), isDue)

    const lost = commitsLost(step, run, onSource, isDue)
    if (lost) return { done: false, problem: lost }
    const wanted = wantedPositions(step, committed, now)
    if ('problem' in wanted) return { done: false, problem: wanted.problem }
    const refused =
      skipsUnseen(step, run, wanted.skipped) ?? refusal(step, wanted.positions, now, previous, run)
    if (refused) return { done: false, problem: refused }

    const proofs = await provePositions({
      clusters: run.clusters,
      positions: [...wanted.positions].map(([key, p]) => ({
        index: now.get(key)!.proven,
        source: p.source,
      })),
      cleaned: { known: run.state() },
      signal: run.signal,
    })
    const positions = new Map<PartitionKey, SyncedPosition>()
    for (const [key, p] of wanted.positions) {
      const proof = proofs.get(key)
      if (proof === undefined || 'problem' in proof) {
        return {
          done: false,
          problem: proof?.problem ?? unproved(step.group, key, 'Run apply again.'),
        }
      }
      positions.set(key, {
        source: p.source,
        ...(p.rewoundFrom !== undefined && { rewoundFrom: p.rewoundFrom }),
        target: p.target,
        previous: previousOf(run, step.group, key, previous.get(key)),
        metadata: p.metadata,
        proof: proof.proof,
      })
    }
    return write(step, run, { positions, committed, isDue, skipped: wanted.skipped })
  },

  describe: (step) => ({
    symbol: '=',
    noun: 'sync',
    name: `group ${step.group}`,
    says:
      `${counted(step.committed, 'position')}, ${skipsInWords(step)}, ${step.allowRewind ? 'may re-read' : '0 re-read'}` +
      (step.committed < step.partitions
        ? `; ${counted(step.partitions - step.committed, 'partition')} without a commit: ${UNCOMMITTED[step.uncommitted]}`
        : ''),
  }),
}

/** Partitions and topics that came since it was synced: where the file says what becomes of partitions without a commit, or it has read them on the source. */
const syncNew = (context: PlanContext, spec: GroupSpec): readonly SyncGroup[] => {
  const { desired, state, observed } = context
  const sync = state.syncs.find((s) => s.group === spec.id && s.status === 'done')
  if (sync === undefined) return []
  const there = observed.target.groups.get(spec.id)?.commits
  const here = observed.source.groups.get(spec.id)?.commits
  const added = desired.topics.flatMap(({ name }) => {
    const marked = placesOf(state).markedPartitions.get(name) ?? 0
    const growth = growthOf(context, name)
    const coming = growth && !growth.isSealed ? growth.source - growth.marked : 0
    // Of a topic that came to the file since, the same plan marks every partition.
    const unmarked =
      marked > 0 ? coming : (observed.source.topics.get(name)?.description.partitions.length ?? 0)
    // A run that died, or stopped, before it came to their positions has marked them.
    const known = sync.marked === undefined ? marked : (sync.marked.get(name) ?? 0)
    return Array.from({ length: marked + unmarked - known }, (_, i) =>
      partitionKey(name, known + i),
    )
  })
  const topics = desired.topics.map(({ name }) => name)
  const isAdding = (key: PartitionKey) =>
    sync.adding?.has(key) === true && topics.includes(parsePartitionKey(key).topic)
  const isDue = (key: PartitionKey) =>
    !sync.positions.has(key) &&
    !there?.has(key) &&
    (spec.uncommitted !== 'absent' || here?.has(key) === true)
  const due = [...new Set([...(sync.adding?.keys() ?? []), ...added])].filter(
    (key) => isAdding(key) || isDue(key),
  )
  if (due.length === 0) return []
  return [
    {
      kind: 'sync-group',
      id: `sync-group/${spec.id}/new`,
      stage: 'consumers-moved',
      reason: 'partitions came since it was synced',
      undo: { cost: 'restores', says: 'with its other positions' },
      group: spec.id,
      topics,
      uncommitted: spec.uncommitted,
      allowRewind: spec.allowRewind ?? false,
      onlyNew: true,
      committed: due.filter((key) => here?.has(key)).length,
      committedIn: listPartitions(due.filter((key) => here?.has(key))),
      partitions: due.length,
      ...skips(context, spec),
    },
  ]
}

/** Neither synced nor read there before, or left by a run that died behind its commit: that one is ours and says nothing. */
const isNew = (run: Run, step: SyncGroup, key: PartitionKey, previous: Commits): boolean => {
  const sync = run.state().syncs.find((s) => s.group === step.group)
  if (sync?.adding?.has(key)) return true
  return !previous.has(key) && !sync?.positions.has(key)
}

const where = <V>(map: ReadonlyMap<PartitionKey, V>, isDue: (key: PartitionKey) => boolean) =>
  new Map([...map].filter(([key]) => isDue(key)))

const UNCOMMITTED: Readonly<Record<SyncGroup['uncommitted'], string>> = {
  absent: 'stays without, its consumers follow auto.offset.reset',
  start: 'set to the first mirrored record',
  end: 'set to the end of what is mirrored',
}

/** Of a step, see {@link SyncGroup}. */
const skips = (
  context: PlanContext,
  spec: GroupSpec,
): Pick<SyncGroup, 'skipped' | 'skipsBefore'> => {
  const { desired, state } = context
  const skipped = sumSkipped(skippedBy(context, spec))
  const { markedTopics } = placesOf(state)
  const isOpen = leavesOut(desired) && desired.topics.some(({ name }) => !markedTopics.has(name))
  return {
    ...(skipped > 0n && { skipped: String(skipped) }),
    ...(isOpen && { skipsBefore: startInWords(desired) }),
  }
}

const skipsInWords = ({ skipped, skipsBefore }: SyncGroup): string => {
  const below =
    skipped === undefined
      ? []
      : [`${BigInt(skipped).toLocaleString('en-US')} skipped (below the mark)`]
  const before =
    skipsBefore === undefined ? [] : [`what it has not read before ${skipsBefore} skipped`]
  return [...below, ...before].join(', ') || '0 skipped'
}

/** Records that the source still holds are skipped only where the file wants that, and the plan has said so. */
const skipsUnseen = (
  step: SyncGroup,
  run: Run,
  skipped: readonly Skipped[],
): Diagnostic | undefined => {
  const held = skipped.filter((each) => each.held > 0n)
  const isSaid = step.skipped !== undefined || step.skipsBefore !== undefined
  if (held.length === 0 || (leavesOut(run.migration) && isSaid)) return undefined
  return wouldSkip(run.migration, run.state(), run.clusters.source.name, {
    group: step.group,
    held,
  })
}

const committedNow = (
  { observed }: PlanContext,
  id: GroupId,
  ours: ReadonlySet<TopicName>,
): readonly PartitionKey[] => {
  const commits = observed.source.groups.get(id)?.commits
  return [...(commits?.keys() ?? [])].filter((key) => ours.has(parsePartitionKey(key).topic))
}

interface Translated {
  readonly positions: ReadonlyMap<PartitionKey, SyncedPosition>
  readonly committed: Commits
  readonly isDue: (key: PartitionKey) => boolean
  readonly skipped: readonly Skipped[]
}

const write = async (
  step: SyncGroup,
  run: Run,
  { positions, committed, isDue, skipped }: Translated,
): Promise<Outcome> => {
  const before = step.onlyNew ? run.state().syncs.find((s) => s.group === step.group) : undefined
  // The others grow no younger by it, nor does it become another sync than the one that a rollback has put back.
  const added = before ? writtenAt(run.now().toISOString(), positions) : positions
  const { markedPartitions } = placesOf(run.state())
  const marked = new Map([
    ...(before?.marked ?? []),
    ...step.topics.flatMap((topic) => {
      const count = markedPartitions.get(topic)
      return count === undefined ? [] : [[topic, count] as const]
    }),
  ])
  // What a run before this one has left in topics that are not looked at now stays as it is.
  const left = new Map(
    [...(before?.adding ?? [])].filter(
      ([key]) => !step.topics.includes(parsePartitionKey(key).topic),
    ),
  )
  const record = (status: 'pending' | 'done') =>
    run.decide((state) => ({
      ...state,
      syncs: [
        ...state.syncs.filter((s) => s.group !== step.group),
        before && status === 'pending'
          ? // Its other positions stay synced, whatever becomes of these.
            { ...before, adding: new Map([...(before.adding ?? []), ...added]) }
          : {
              group: step.group,
              status,
              at: before?.at ?? run.now().toISOString(),
              positions: new Map([...(before?.positions ?? []), ...added]),
              marked,
              ...(left.size > 0 && { adding: left }),
            },
      ],
    }))
  await record('pending')
  const problem =
    (await writeOnTarget(step, run, positions)) ??
    (await movedMeanwhile(step, run, { committed, isDue }))
  if (problem) return { done: false, problem }
  await record('done')
  return {
    done: true,
    facts: {
      positions: positionFacts(positions),
      ...(skipped.length > 0 && { lostBeforeTheMark: byPartition(skipped) }),
    },
  }
}

/** Members first: who commits and leaves after they were looked for is seen by the commits. */
const movedMeanwhile = async (
  step: SyncGroup,
  run: Run,
  { committed, isDue }: Pick<Translated, 'committed' | 'isDue'>,
): Promise<Diagnostic | undefined> => {
  const { source } = run.clusters
  for (const gate of [groupIsEmpty(step.group, 'source'), groupIsEmpty(step.group, 'target')]) {
    const reading = await gate.check(run, 'after')
    if (reading.holds) continue
    return diagnostic({
      code: 'FERRY1703',
      detail: `"${gate.title}" held before ${step.group} was synced and did not behind it, so it does not count as synced: ${reading.because}.`,
      fix: 'Then run apply again: the group is synced anew.',
    })
  }
  const moved = firstMoved(committed, await commitsOf(source, step.group), isDue)
  if (moved === undefined) return undefined
  const { key, was, is } = moved
  return diagnostic({
    code: 'FERRY1703',
    detail: `${step.group} moved on ${source.name} from ${was ?? 'no position'} to ${is ?? 'none'} of ${key} while it was synced.`,
    fix: `Stop its consumers on ${source.name} and run apply again.`,
  })
}
