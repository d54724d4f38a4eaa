import { type Diagnostic, diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { GroupId, PartitionKey, SourceOffset } from '../domain/ids.ts'
import { expectedTargetEnd } from '../domain/offset-index.ts'
import type { SyncedPosition, SyncGroup } from '../domain/step.ts'
import { translateOffset } from '../domain/translate-offset.ts'
import type { Cluster, CommittedOffset } from '../kafka/cluster.ts'
import { provePositions } from '../verify/index.ts'
import { counted } from './_words.ts'
import { fillerIsHidden, groupIsEmpty, mirrorPassed } from './gates.ts'
import { type PartitionNow, partitionsNow } from './partitions-now.ts'
import type { Outcome, PlanContext, Run, StepKind } from './step-kind.ts'

/** Writes a group's positions on the target, all of them in one request, and proves each by comparing the records around it. */
export const syncGroup: StepKind<SyncGroup> = {
  kind: 'sync-group',

  plan: (context, stage) => {
    if (stage !== 'consumers-moved') return { steps: [] }
    const { desired, state } = context
    const steps = desired.groups
      .filter((spec) => !state.syncs.some((s) => s.group === spec.id && s.status === 'done'))
      .map((spec): SyncGroup => {
        const now = committedNow(context, spec.id)
        return {
          kind: 'sync-group',
          id: `sync-group/${spec.id}`,
          stage,
          reason: 'its consumers must go on at exactly their next unread record',
          undo: { cost: 'restores', says: `restore ${counted(now.committed, 'commit')}` },
          group: spec.id,
          topics: desired.topics.map((t) => t.name),
          uncommitted: spec.uncommitted,
          committed: now.committed,
          partitions: now.partitions,
        }
      })
    return { steps }
  },

  gates: (step) => [
    groupIsEmpty(step.group, 'source'),
    groupIsEmpty(step.group, 'target'),
    mirrorPassed(step.group, step.topics),
    fillerIsHidden(step.topics),
  ],

  /**
   * 1. Read the positions on the source and where the mirror is.
   * 2. Translate each; refuse what cannot be exact.
   * 3. Prove each by the records around it, before anything is written.
   * 4. Save what was there before; write all in one request; read it back.
   * 5. See that the group did not move meanwhile.
   */
  apply: async (step, run) => {
    const committed = await commitsOf(run.clusters.source, step.group)
    const now = await partitionsNow(run, step.topics)
    const previous = await commitsOf(run.clusters.target, step.group)

    const wanted = translateAll(step, committed, now)
    if ('problem' in wanted) return { done: false, problem: wanted.problem }
    const refused = refusal(step, wanted.positions, now, previous, run)
    if (refused) return { done: false, problem: refused }

    const proofs = await provePositions({
      clusters: run.clusters,
      positions: [...wanted.positions].map(([key, p]) => ({
        index: now.get(key)!.index,
        source: p.source as SourceOffset,
      })),
      signal: run.signal,
    })
    const positions = new Map<PartitionKey, SyncedPosition>()
    for (const [key, p] of wanted.positions) {
      const proof = proofs.get(key)
      if (proof === undefined || 'problem' in proof) {
        return { done: false, problem: proof?.problem ?? unproved(step, key) }
      }
      const before = earlierPrevious(run, step, key) ?? previous.get(key)
      positions.set(key, {
        source: p.source as SourceOffset,
        target: p.target,
        previous: before ? { offset: before.offset, metadata: before.metadata } : null,
        metadata: p.metadata,
        proof: proof.proof,
      })
    }
    return write(step, run, positions, committed, wanted.lost)
  },

  describe: (step) => ({
    symbol: '=',
    noun: 'sync',
    name: `group ${step.group}`,
    says:
      `${counted(step.committed, 'position')}, 0 skipped, 0 re-read` +
      (step.committed < step.partitions
        ? `; ${counted(step.partitions - step.committed, 'partition')} without a commit: ${UNCOMMITTED[step.uncommitted]}`
        : ''),
  }),
}

const UNCOMMITTED: Readonly<Record<SyncGroup['uncommitted'], string>> = {
  absent: 'stays without, its consumers follow auto.offset.reset',
  start: 'set to the first mirrored record',
  end: 'set to the end of what is mirrored',
}

const committedNow = (
  { desired, observed }: PlanContext,
  id: GroupId,
): { readonly committed: number; readonly partitions: number } => {
  const commits = observed.source.groups.get(id)?.commits
  const ours = new Set<string>(desired.topics.map((t) => t.name))
  const partitions = desired.topics.reduce(
    (sum, t) => sum + (observed.source.topics.get(t.name)?.partitions.length ?? 0),
    0,
  )
  const committed = [...(commits?.keys() ?? [])].filter((key) =>
    ours.has(key.slice(0, key.lastIndexOf(':'))),
  )
  return { committed: committed.length, partitions }
}

const commitsOf = async (
  cluster: Cluster,
  group: GroupId,
): Promise<ReadonlyMap<PartitionKey, CommittedOffset>> => {
  const answers = await cluster.fetchCommits([group])
  const commits = answers.ok.get(group)
  if (!commits) throw new FerryError([...answers.failed.values()])
  return commits
}

interface Wanted {
  readonly source: bigint
  readonly target: bigint
  readonly metadata: string
}

const translateAll = (
  step: SyncGroup,
  committed: ReadonlyMap<PartitionKey, CommittedOffset>,
  now: ReadonlyMap<PartitionKey, PartitionNow>,
):
  | {
      readonly positions: ReadonlyMap<PartitionKey, Wanted>
      readonly lost: Readonly<Record<string, string>>
    }
  | { readonly problem: Diagnostic } => {
  const positions = new Map<PartitionKey, Wanted>()
  const lost: Record<string, string> = {}
  for (const [key, { index }] of now) {
    const commit = committed.get(key)
    if (!commit) {
      if (step.uncommitted === 'start') {
        positions.set(key, {
          source: index.mark.sourceStart,
          target: index.mark.targetStart,
          metadata: '',
        })
      } else if (step.uncommitted === 'end') {
        positions.set(key, {
          source: index.mirroredTo,
          target: expectedTargetEnd(index),
          metadata: '',
        })
      }
      continue
    }
    const translation = translateOffset(index, commit.offset as SourceOffset)
    if (translation.kind === 'ahead') {
      return {
        problem: diagnostic({
          code: 'FERRY1703',
          detail: `${step.group} is at ${commit.offset} of ${key}, ${translation.missing} past what is mirrored.`,
          fix: 'Run apply again: it waits until the mirror has passed every position.',
        }),
      }
    }
    if (translation.kind === 'below-mark') lost[key] = String(translation.lost)
    positions.set(key, {
      source: commit.offset,
      target: translation.target,
      metadata: commit.metadata,
    })
  }
  return { positions, lost }
}

const refusal = (
  step: SyncGroup,
  wanted: ReadonlyMap<PartitionKey, Wanted>,
  now: ReadonlyMap<PartitionKey, PartitionNow>,
  previous: ReadonlyMap<PartitionKey, CommittedOffset>,
  run: Run,
): Diagnostic | undefined => {
  for (const [key, { target }] of wanted) {
    const partition = now.get(key)!
    if (target < partition.targetStart || target > partition.targetEnd) {
      return diagnostic({
        code: 'FERRY1702',
        detail: `${step.group} would be at ${target} of ${key} on ${run.clusters.target.name}, whose log holds ${partition.targetStart} to ${partition.targetEnd}.`,
        fix: 'Look at retention.ms and retention.bytes of the target topic; the topic has to be mirrored again.',
      })
    }
    const there = previous.get(key)
    if (there && there.offset > target && !isOurs(run, step, key, there)) {
      return diagnostic({
        code: 'FERRY1705',
        detail: `${step.group} is at ${there.offset} of ${key} on ${run.clusters.target.name} already, past ${target}.`,
        fix: `Find out who committed there. If nobody needs it, delete the group's offsets on ${run.clusters.target.name} and run apply again.`,
      })
    }
  }
  return undefined
}

/** What an attempt that did not come to its end has written is not somebody's progress. */
const isOurs = (run: Run, step: SyncGroup, key: PartitionKey, there: CommittedOffset): boolean =>
  run
    .state()
    .syncs.some((s) => s.group === step.group && s.positions.get(key)?.target === there.offset)

/** What was there before the first attempt: after it, our own commit is there. */
const earlierPrevious = (
  run: Run,
  step: SyncGroup,
  key: PartitionKey,
): SyncedPosition['previous'] | undefined => {
  const sync = run.state().syncs.find((s) => s.group === step.group)
  return sync?.positions.get(key)?.previous ?? undefined
}

const write = async (
  step: SyncGroup,
  run: Run,
  positions: ReadonlyMap<PartitionKey, SyncedPosition>,
  committed: ReadonlyMap<PartitionKey, CommittedOffset>,
  lost: Readonly<Record<string, string>>,
): Promise<Outcome> => {
  const { source, target } = run.clusters
  const record = (status: 'pending' | 'done') =>
    run.decide((state) => ({
      ...state,
      syncs: [
        ...state.syncs.filter((s) => s.group !== step.group),
        { group: step.group, status, at: run.now().toISOString(), positions },
      ],
    }))
  await record('pending')
  if (positions.size > 0) {
    const answers = await target.commitOffsets(
      step.group,
      new Map([...positions].map(([key, p]) => [key, { offset: p.target, metadata: p.metadata }])),
    )
    const [failure] = answers.failed.values()
    if (failure) return { done: false, problem: failure }
  }
  const back = await commitsOf(target, step.group)
  for (const [key, p] of positions) {
    const read = back.get(key)
    if (read?.offset !== p.target || read.metadata !== p.metadata) {
      return {
        done: false,
        problem: diagnostic({
          code: 'FERRY1701',
          detail: `${step.group} was written at ${p.target} of ${key} on ${target.name}, but ${read ? `${read.offset} was read back` : 'nothing was read back'}.`,
          fix: 'See whether its consumers run on the target already; stop them and run apply again.',
        }),
      }
    }
  }
  const after = await commitsOf(source, step.group)
  for (const key of positions.keys()) {
    if (after.get(key)?.offset !== committed.get(key)?.offset) {
      return {
        done: false,
        problem: diagnostic({
          code: 'FERRY1703',
          detail: `${step.group} moved on ${source.name} from ${committed.get(key)?.offset} to ${after.get(key)?.offset} of ${key} while it was synced.`,
          fix: `Stop its consumers on ${source.name} and run apply again.`,
        }),
      }
    }
  }
  await record('done')
  return {
    done: true,
    facts: {
      positions: Object.fromEntries(
        [...positions].map(([key, p]) => [key, `${p.source} -> ${p.target} (${p.proof})`]),
      ),
      ...(Object.keys(lost).length > 0 ? { lostBeforeTheMark: lost } : {}),
    },
  }
}

const unproved = (step: SyncGroup, key: PartitionKey): Diagnostic =>
  diagnostic({
    code: 'FERRY1701',
    detail: `The position of ${step.group} in ${key} could not be proved.`,
    fix: 'Run apply again.',
  })
