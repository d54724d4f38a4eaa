import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { GroupId, PartitionKey, SourceOffset, TargetOffset } from '../domain/ids.ts'
import type { Seal } from '../domain/mark.ts'
import type { OffsetIndex } from '../domain/offset-index.ts'
import {
  type GroupSync,
  type MigrationState,
  type ReturnedPosition,
  sealedWayBack,
  writtenBy,
} from '../domain/state.ts'
import { placesOf } from '../domain/state-places.ts'
import type { ReturnGroup } from '../domain/step.ts'
import { translateBack } from '../domain/translate-back.ts'
import { translateOffset } from '../domain/translate-offset.ts'
import type { CommittedOffset } from '../kafka/cluster.ts'
import { provePositions } from '../verify/index.ts'
import { counted } from './_words.ts'
import { commitsOf } from './commits-of.ts'
import { copyIsChecked, groupIsEmpty, wayBackIsSealed } from './gates/index.ts'
import { type PartitionNow, partitionsNow } from './partitions-now.ts'
import { reversed } from './reversed.ts'
import type { Outcome, Run, StepKind } from './step-kind.ts'
import { unproved, writeCommits } from './write-commits.ts'

/** Puts a group back to the source at exactly the record that it would read next on the target, and proves each position. */
export const returnGroup: StepKind<ReturnGroup> = {
  kind: 'return-group',

  plan: () => ({ steps: [] }),

  gates: (step) => [
    groupIsEmpty(step.group, 'source'),
    groupIsEmpty(step.group, 'target'),
    copyIsChecked(step.group, step.topics),
    wayBackIsSealed(step.topics),
  ],

  /**
   * 1. Read what the group has committed on both sides, and where the mirror is.
   * 2. Translate back what moved on the target, past the seal by the index of the way back; refuse what the source does not hold.
   * 3. Prove each by the records around it, before anything is written.
   * 4. Save what the source had; write all in one request; read it back.
   * 5. See that the group did not move on the target meanwhile.
   */
  apply: async (step, run) => {
    const { source, target } = run.clusters
    const sync = run.state().syncs.find((s) => s.group === step.group)
    const now = await partitionsNow(run, step.topics)
    const wayBack = await partitionsNow(reversed(run), step.topics)
    const [there, here] = await Promise.all([
      commitsOf(target, step.group),
      commitsOf(source, step.group),
    ])
    const wanted = new Map<PartitionKey, Wanted>()
    for (const [key, partition] of now) {
      const moved = toReturn(key, there.get(key), here.get(key), sync)
      if (moved === undefined) continue
      const parts = { group: step.group, there: moved, here: here.get(key) }
      const answer = back(parts, partition, wayBack.get(key), run)
      if ('problem' in answer) return { done: false, problem: answer.problem }
      wanted.set(key, {
        index: answer.index,
        isPastSeal: answer.isPastSeal,
        target: moved.offset,
        source: answer.source,
        metadata: moved.metadata,
        previous: beforeReturn(run.state(), step.group, key, here.get(key)),
      })
    }
    const lost = lostPositions(step.group, there, sync, now)
    if (lost) return { done: false, problem: lost }
    const proofs = new Map([
      ...(await proofsOf(
        [...wanted.values()].filter((w) => !w.isPastSeal),
        run,
      )),
      ...(await proofsOf(
        [...wanted.values()].filter((w) => w.isPastSeal),
        reversed(run),
      )),
    ])
    for (const key of wanted.keys()) {
      const proof = proofs.get(key)
      if (proof === undefined || 'problem' in proof) {
        return {
          done: false,
          problem: proof?.problem ?? unproved(step.group, key, 'Run it again.'),
        }
      }
    }
    return write(step, run, wanted, there)
  },

  describe: (step) => ({
    symbol: '=',
    noun: 'return',
    name: `group ${step.group}`,
    says: `${counted(step.positions, 'position')} to the source, with ${counted(BigInt(step.consumed), 'record')} read on the target since`,
  }),
}

interface Wanted extends ReturnedPosition {
  readonly index: OffsetIndex
  /** The index is that of the way back, where the target is the source. */
  readonly isPastSeal: boolean
}

const proofsOf = (wanted: readonly Wanted[], { clusters, signal }: Run) =>
  provePositions({
    clusters,
    positions: wanted.map(({ index, isPastSeal, source, target }) =>
      isPastSeal
        ? { index, source: target as SourceOffset, target: source }
        : { index, source, target },
    ),
    signal,
  })

/** What is to be written on the source: what moved on the target, and what did not where the source has lost its own commit meanwhile. */
export const toReturn = (
  key: PartitionKey,
  there: CommittedOffset | undefined,
  here: CommittedOffset | undefined,
  sync: GroupSync | undefined,
): CommittedOffset | undefined => (here === undefined ? there : movedTo(key, there, sync))

/** What the group has committed on the target; undefined where it is still what the sync wrote: then the source's own commit is right. */
export const movedTo = (
  key: PartitionKey,
  there: CommittedOffset | undefined,
  sync: GroupSync | undefined,
): CommittedOffset | undefined => {
  if (there === undefined) return undefined
  return writtenBy(sync, key)?.target === there.offset ? undefined : there
}

/** The source position of a commit on the target, or why the group cannot go there. Pure. */
export const backPosition = (
  group: GroupId,
  facts: Facts,
  there: CommittedOffset,
  here: CommittedOffset | undefined,
  names: Names,
): { readonly source: SourceOffset } | { readonly problem: Diagnostic } => {
  const { key, index } = facts
  const translated = translateBack(index, there.offset as TargetOffset)
  if (translated.kind === 'beyond') {
    return refuse(
      `${group} is at ${there.offset} of ${key} on ${names.target}, ${counted(translated.beyond, 'offset')} past what is known to be mirrored: ${there.offset - translated.beyond} to ${there.offset - 1n} are not on ${names.source}.`,
      `Leave the group on ${names.target}, or set its position there to ${there.offset - translated.beyond} or lower if its service can read those records again.`,
    )
  }
  return heldBySource(group, facts, translated.source, here, names)
}

/**
 * The same for a position past the seal, by the index of the way back. What stands on the source between the seal and the mark of the way
 * back came late and is not on the target: a group that has read past the seal would never see it.
 */
export const pastSeal = (
  group: GroupId,
  facts: Facts & { readonly seal: Seal },
  { proven }: Pick<PartitionNow, 'proven'>,
  there: CommittedOffset,
  here: CommittedOffset | undefined,
  names: Names,
): { readonly source: SourceOffset } | { readonly problem: Diagnostic } => {
  const { key, seal } = facts
  const { mark } = proven
  const translated = translateOffset(proven, there.offset as SourceOffset)
  if (translated.kind !== 'at') {
    return refuse(
      `${group} is at ${there.offset} of ${key} on ${names.target}, past what is known to be mirrored back.`,
      `Find out who set that position; set it to ${proven.mirroredTo} or lower, then roll back.`,
    )
  }
  if ((mark.targetStart as bigint) > seal.sourceEnd) {
    return refuse(
      `${group} is at ${there.offset} of ${key} on ${names.target}, past the seal; back on ${names.source} it would miss offsets ${seal.sourceEnd} to ${mark.targetStart - 1n}, which came late and were never on ${names.target}.`,
      `Set its position on ${names.target} to ${seal.targetEnd} if its service can read again what follows, then roll back.`,
    )
  }
  const source = translated.target as bigint as SourceOffset
  return heldBySource(group, facts, source, here, names)
}

const refuse = (detail: string, fix: string) => ({
  problem: diagnostic({ code: 'FERRY1332', detail, fix }),
})

type Facts = Pick<PartitionNow, 'key' | 'index' | 'sourceStart' | 'sourceEnd'>
interface Names {
  readonly source: string
  readonly target: string
}

const heldBySource = (
  group: GroupId,
  { key, sourceStart, sourceEnd }: Facts,
  source: SourceOffset,
  here: CommittedOffset | undefined,
  names: Names,
): { readonly source: SourceOffset } | { readonly problem: Diagnostic } => {
  if (source < sourceStart) {
    return refuse(
      `${group} would go on at ${source} of ${key} on ${names.source}, but that holds records from ${sourceStart} on only: ${source} to ${sourceStart - 1n} are gone there and would be skipped.`,
      `Let its consumers on ${names.target} read on past them, then roll back.`,
    )
  }
  if (source > sourceEnd) {
    return refuse(
      `${group} would go on at ${source} of ${key} on ${names.source}, whose log ends at ${sourceEnd}.`,
      'Find out what cut the source topic; until then the group cannot go back.',
    )
  }
  if (here !== undefined && here.offset > source) {
    return {
      problem: diagnostic({
        code: 'FERRY1705',
        detail: `${group} is at ${here.offset} of ${key} on ${names.source} already, past ${source}, where it would go on after what it read on ${names.target}.`,
        fix: `Find out who committed there. If that position is right, set the group's position on ${names.target} to its counterpart, then roll back.`,
      }),
    }
  }
  return { source }
}

const back = (
  { group, there, here }: Of,
  partition: PartitionNow,
  wayBack: PartitionNow | undefined,
  run: Run,
): Pick<Wanted, 'index' | 'isPastSeal' | 'source'> | { readonly problem: Diagnostic } => {
  const { source, target } = run.clusters
  const names = { source: source.name, target: target.name }
  const { seal } = partition
  const isPastSeal = seal !== undefined && wayBack !== undefined && there.offset > seal.targetEnd
  // The log end says nothing of what was not checked.
  const index = isPastSeal ? wayBack.proven : partition.proven
  const answer = isPastSeal
    ? pastSeal(group, { ...partition, seal }, wayBack, there, here, names)
    : backPosition(group, { ...partition, index }, there, here, names)
  return 'problem' in answer ? answer : { index, isPastSeal, source: answer.source }
}

interface Of {
  readonly group: GroupId
  readonly there: CommittedOffset
  readonly here: CommittedOffset | undefined
}

/** What the group had on the source before the first attempt to put it back since it was synced: after that, our own commit may be there. */
export const beforeReturn = (
  { syncs, returns }: Pick<MigrationState, 'syncs' | 'returns'>,
  group: GroupId,
  key: PartitionKey,
  now: CommittedOffset | undefined,
): ReturnedPosition['previous'] => {
  const sync = syncs.find((s) => s.group === group)
  const attempt = returns.find(
    (r) => r.group === group && (r.status === 'pending' || (sync !== undefined && r.at >= sync.at)),
  )
  const known = attempt?.positions.get(key)
  if (known !== undefined) return known.previous
  return now === undefined ? null : { offset: now.offset, metadata: now.metadata }
}

/** A position that Ferry has written and that is gone (expired, or deleted): what the group read on the target is not known. */
export const lostPositions = (
  group: GroupId,
  there: ReadonlyMap<PartitionKey, CommittedOffset>,
  sync: GroupSync | undefined,
  now: ReadonlyMap<PartitionKey, unknown>,
): Diagnostic | undefined => {
  if (sync?.status !== 'done') return undefined
  const gone = [...sync.positions.keys()].filter((key) => now.has(key) && !there.has(key))
  if (gone.length === 0) return undefined
  return diagnostic({
    code: 'FERRY1332',
    detail: `${group} has no position any more on the target for ${gone.slice(0, 5).join(', ')}${gone.length > 5 ? ` and ${gone.length - 5} more` : ''}, although the sync wrote one: it expired or was deleted, so that what the group has read there is not known.`,
    fix: 'Commit the position that its service knows on the target, then roll back.',
  })
}

/** True if an earlier rollback has put this group back already and only the rest is left: it has not read on on the target since. */
export const wasReturned = (
  state: MigrationState,
  sync: GroupSync,
  there: ReadonlyMap<PartitionKey, CommittedOffset>,
): boolean =>
  lastReturn(state, sync) !== undefined && movedSinceReturn(state, sync, there) === undefined

const lastReturn = (state: MigrationState, sync: GroupSync) =>
  state.returns.find((r) => r.group === sync.group && r.status === 'done' && r.at >= sync.at)

/**
 * Where a group that was put back stands on the target otherwise than it was put back from, synced to, or restored to: it has read on
 * there, which its place on the source does not know. Undefined also where it was not put back.
 */
export const movedSinceReturn = (
  state: MigrationState,
  sync: GroupSync,
  there: ReadonlyMap<PartitionKey, CommittedOffset>,
): PartitionKey | undefined => {
  const returned = lastReturn(state, sync)
  if (returned === undefined) return undefined
  return [...there].find(([key, { offset }]) => {
    if (!placesOf(state).marks.has(key)) return false
    const synced = writtenBy(sync, key)
    const known = [returned.positions.get(key)?.target, synced?.target, synced?.previous?.offset]
    return !known.some((each) => each === offset)
  })?.[0]
}

const write = async (
  step: ReturnGroup,
  run: Run,
  wanted: ReadonlyMap<PartitionKey, Wanted>,
  there: ReadonlyMap<PartitionKey, CommittedOffset>,
): Promise<Outcome> => {
  const { source, target } = run.clusters
  const positions = new Map(
    [...wanted].map(
      ([key, { index: _, isPastSeal: __, ...position }]): [PartitionKey, ReturnedPosition] => [
        key,
        position,
      ],
    ),
  )
  const behind = sealedWayBack(run.state().reverse)
  const record = (status: 'pending' | 'done') =>
    run.decide((state) => ({
      ...state,
      returns: [
        ...state.returns.filter((r) => r.group !== step.group),
        {
          group: step.group,
          status,
          at: run.now().toISOString(),
          positions,
          ...(behind.length > 0 && { behind }),
        },
      ],
    }))
  await record('pending')
  const to = { cluster: source, side: 'source', group: step.group, again: 'run it again' } as const
  const problem = await writeCommits(
    to,
    new Map([...positions].map(([key, p]) => [key, { offset: p.source, metadata: p.metadata }])),
  )
  if (problem) return { done: false, problem }
  const after = await commitsOf(target, step.group)
  const strayed = [...after].find(([key, commit]) => commit.offset !== there.get(key)?.offset)
  if (strayed) {
    return {
      done: false,
      problem: diagnostic({
        code: 'FERRY1703',
        detail: `${step.group} moved on ${target.name} to ${strayed[1].offset} of ${strayed[0]} while it was put back to ${source.name}.`,
        fix: `Stop its consumers on ${target.name} and run it again.`,
      }),
    }
  }
  await record('done')
  return {
    done: true,
    facts: {
      positions: Object.fromEntries(
        [...positions].map(([key, p]) => [key, `${p.target} -> ${p.source}`]),
      ),
      before: Object.fromEntries([...positions].map(([key, p]) => [key, p.previous])),
    },
  }
}
