import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import {
  type GroupId,
  type PartitionKey,
  parsePartitionKey,
  type SourceOffset,
} from '../domain/ids.ts'
import type { Migration } from '../domain/migration.ts'
import { type GroupSync, takesBack } from '../domain/moved-groups.ts'
import { leavesOut, skippedBelow } from '../domain/skipped.ts'
import { stageRank } from '../domain/stage.ts'
import type { MigrationState } from '../domain/state.ts'
import type { SyncedPosition } from '../domain/step.ts'
import { type StrayedOnSource, strayedOnSource } from '../domain/strayed.ts'
import type { CommittedOffset } from '../kafka/cluster.ts'
import type { CleanedTopics } from './cleaned-topics.ts'
import type { BothClusters, PartitionFacts } from './partition-facts.ts'
import { type PositionProof, type PositionToProve, proveEach } from './prove-position.ts'
import type { VerifiedPosition, VerifyReport } from './report.ts'
import { exact, targetOf } from './translator.ts'

export interface GroupsToVerify {
  readonly clusters: BothClusters
  readonly migration: Pick<Migration, 'name' | 'groups' | 'mirror' | 'stage' | 'order'>
  readonly state: Pick<MigrationState, 'syncs' | 'marks' | 'seals' | 'returns'>
  readonly facts: ReadonlyMap<PartitionKey, PartitionFacts>
  readonly cleaned: CleanedTopics
  readonly patienceMs: number | undefined
  readonly report: (line: string) => void
  readonly signal: AbortSignal
}

type Commits = ReadonlyMap<PartitionKey, CommittedOffset>

/** One position of the report before its proof. */
interface Draft {
  readonly group: GroupId
  readonly key: PartitionKey
  readonly source: number | null
  readonly target: number | null
  readonly expected: number | null
  readonly problems: readonly Diagnostic[]
  /** What is to be proved, or a proof that needs no reading. */
  readonly proof: PositionToProve | SyncedPosition['proof'] | undefined
}

/** Checks every position of the migration's groups: what was synced is still there, and the records around it are the same. */
export const verifyGroups = async (options: GroupsToVerify): Promise<VerifyReport['groups']> => {
  const { clusters, migration, cleaned, signal, patienceMs } = options
  const ids = migration.groups.map(({ id }) => id)
  if (ids.length === 0) return []
  const [onSource, onTarget] = await Promise.all([
    clusters.source.lookAtCommits(ids),
    clusters.target.lookAtCommits(ids),
  ])
  const unread = new Map<GroupId, Diagnostic>([...onSource.failed, ...onTarget.failed])
  const drafts = ids.flatMap((id) => {
    const failure = unread.get(id)
    return failure === undefined
      ? draftsOf(options, id, onSource.ok.get(id)!.commits, onTarget.ok.get(id)!.commits)
      : unreadDrafts(options, id, failure)
  })
  const positions = drafts.flatMap(({ proof }) => (typeof proof === 'object' ? [proof] : []))
  if (positions.length > 0) options.report(`Proving ${positions.length} group positions`)
  const proofs = await proveEach({
    clusters,
    positions,
    cleaned,
    signal,
    ...(patienceMs !== undefined && { patienceMs }),
  })
  const proofOf = new Map(positions.map((position, i) => [position, proofs[i]!]))
  return ids.map((id) => ({
    id,
    partitions: drafts
      .filter(({ group }) => group === id)
      .map((draft) =>
        positionOf(draft, typeof draft.proof === 'object' ? proofOf.get(draft.proof) : undefined),
      ),
  }))
}

const positionOf = (draft: Draft, proved: PositionProof | undefined): VerifiedPosition => {
  const { topic, partition } = parsePartitionKey(draft.key)
  const problems = [
    ...draft.problems,
    ...(proved !== undefined && 'problem' in proved ? [proved.problem] : []),
  ]
  const proof =
    typeof draft.proof === 'string'
      ? draft.proof
      : proved !== undefined && 'proof' in proved
        ? proved.proof
        : undefined
  return {
    topic,
    partition,
    source: draft.source,
    target: draft.target,
    expected: draft.expected,
    ok: problems.every(({ severity }) => severity !== 'error'),
    ...(proof !== undefined && { proof }),
    ...(problems.length > 0 && { problems }),
  }
}

const draftsOf = (
  options: GroupsToVerify,
  group: GroupId,
  source: Commits,
  target: Commits,
): readonly Draft[] => {
  const sync = options.state.syncs.find((s) => s.group === group && s.status === 'done')
  const strayed = new Map(
    sync && [...strayedOnSource(options.state, sync, source)].map((each) => [each.key, each]),
  )
  let movedOn = 0n
  const drafts: Draft[] = []
  for (const [key, facts] of options.facts) {
    const synced = sync?.positions.get(key)
    const [mine, theirs] = [source.get(key)?.offset, target.get(key)?.offset]
    if (mine === undefined && theirs === undefined && synced === undefined) continue
    const now = {
      group,
      key,
      source: mine === undefined ? null : exact(mine),
      target: theirs === undefined ? null : exact(theirs),
    }
    const stray = strayed.get(key)
    if (synced === undefined) {
      const problems = stray && !stray.cameSince ? movesOnSource(options, sync!, stray) : []
      drafts.push({
        ...now,
        ...(problems.length > 0 ? unsynced(problems) : beforeSync(options, facts, group, mine)),
      })
    } else {
      if (theirs !== undefined && theirs > synced.target) movedOn += theirs - synced.target
      drafts.push({ ...now, ...afterSync(options, facts, synced, sync!, stray, theirs) })
    }
  }
  if (movedOn > 0n) {
    const { target: cluster } = options.clusters
    options.report(`${group} has moved on by ${movedOn} offsets on ${cluster.name} since the sync`)
  }
  return drafts
}

/** A group that was not synced yet: what a sync would write now, proved ahead of time. Below the mark that is the mark, which is told. */
const beforeSync = (
  options: GroupsToVerify,
  facts: PartitionFacts,
  group: GroupId,
  source: bigint | undefined,
): Pick<Draft, 'expected' | 'problems' | 'proof'> => {
  const { index } = facts
  const expected =
    index === undefined || source === undefined ? undefined : targetOf(index, exact(source))
  if (expected === undefined) return { expected: null, problems: [], proof: undefined }
  return {
    expected,
    problems: belowMark(options, facts, group, source!),
    proof: { index: index!, source: source as SourceOffset, target: BigInt(expected) },
  }
}

/** What the group has not read and would skip: an error where the source still holds it, the file does not leave it out, and the group is to move. */
const belowMark = (
  { clusters: { source, target }, migration }: GroupsToVerify,
  { key, mark, sourceStart }: PartitionFacts,
  group: GroupId,
  from: bigint,
): readonly Diagnostic[] => {
  const skipped = skippedBelow(key, { from, mark: mark.sourceStart, logStart: sourceStart })
  if (skipped === undefined) return []
  const { held, gone } = skipped
  const range = `offsets ${from} to ${mark.sourceStart - 1n} of ${key}`
  const says = `${group} is at ${from} of ${key} on ${source.name}, below the mark at ${mark.sourceStart}: on ${target.name} it begins at the mark, and never sees ${range}, which it has not read`
  if (held === 0n || leavesOut(migration)) {
    return [
      diagnostic({
        code: 'FERRY1349',
        severity: 'warning',
        detail: `${says}${gone > 0n ? ` (${gone} of them are gone from ${source.name})` : ''}.`,
        fix: 'Nothing, if that is meant; the plan counts them as skipped.',
      }),
    ]
  }
  const isToMove =
    stageRank(migration.stage, migration.order) >= stageRank('consumers-moved', migration.order)
  return [
    diagnostic({
      code: 'FERRY1356',
      severity: isToMove ? 'error' : 'warning',
      detail: `${says}; ${source.name} still holds ${held} of them.`,
      fix: `Let its consumers read on on ${source.name} until they are past the mark; \`ferry plan ${migration.name}\` names the other ways on.`,
    }),
  ]
}

const afterSync = (
  options: GroupsToVerify,
  facts: PartitionFacts,
  synced: SyncedPosition,
  sync: GroupSync,
  stray: StrayedOnSource | undefined,
  target: bigint | undefined,
): Pick<Draft, 'expected' | 'problems' | 'proof'> => {
  const { group, at } = sync
  const problems: Diagnostic[] = []
  if (target === undefined || target < synced.target) {
    const { clusters } = options
    const now = target === undefined ? 'has no position' : `is at ${target}`
    problems.push(
      diagnostic({
        code: 'FERRY1810',
        detail: `${group} ${now} in ${facts.key} on ${clusters.target.name}, but Ferry put it at ${synced.target} (${at}).`,
        fix: `Find out who reset or deleted it; then commit ${synced.target} again while the group has no members.`,
      }),
    )
  }
  if (stray) problems.push(...movesOnSource(options, sync, stray))
  return {
    expected: exact(synced.target),
    problems,
    proof: provable(facts, synced, target),
  }
}

/** A commit that went back on the source says nothing about what was read there. */
const movesOnSource = (
  { clusters: { source }, migration, state }: GroupsToVerify,
  sync: GroupSync,
  { key, left, now }: StrayedOnSource,
): readonly Diagnostic[] => {
  if (left !== undefined && now < left) return []
  const { group, at } = sync
  const [synced, read] =
    left === undefined ? ['without a position', ''] : [`at ${left}`, ` ${now - left} offsets`]
  // Whose last word is a rollback's that is half done: at its end there is no sync any more.
  const back = state.returns.find((each) => each.status === 'done' && takesBack(each, sync))
  if (back !== undefined) {
    return [
      diagnostic({
        code: 'FERRY1811',
        detail: `${group} is at ${now} of ${key} on ${source.name}, where a rollback had left it ${synced} (${back.at}), and that rollback is not at its end: a consumer read${read} there since.`,
        fix: `If the service is to go back: carry the rollback to its end, with the command that began it. If not: stop the consumers of ${group} on ${source.name}; \`ferry plan ${migration.name}\` says how it goes on from there.`,
      }),
    ]
  }
  return [
    diagnostic({
      code: 'FERRY1811',
      detail: `${group} is at ${now} of ${key} on ${source.name}, but was synced ${synced} (${at}): a consumer read${read} there since.`,
      fix: `Stop the consumers of ${group} on ${source.name}; \`ferry plan ${migration.name}\` says how it goes on from there.`,
    }),
  ]
}

const unsynced = (
  problems: readonly Diagnostic[],
): Pick<Draft, 'expected' | 'problems' | 'proof'> => ({
  expected: null,
  problems,
  proof: undefined,
})

/** A group that has gone on needs its old position no more: there retention may have passed it. */
const provable = (
  { index, targetStart }: PartitionFacts,
  synced: SyncedPosition,
  target: bigint | undefined,
): Draft['proof'] => {
  if (index === undefined) return undefined
  if (target !== undefined && target > synced.target && synced.target < targetStart) return 'count'
  return { index, source: synced.source, target: synced.target }
}

/** Without the commits of both sides nothing can be said; a position per partition says so. */
const unreadDrafts = (
  { facts, state }: GroupsToVerify,
  group: GroupId,
  failure: Diagnostic,
): readonly Draft[] => {
  const sync = state.syncs.find((s) => s.group === group && s.status === 'done')
  return [...facts.keys()].map((key) => {
    const synced = sync?.positions.get(key)
    const expected = synced === undefined ? null : exact(synced.target)
    return {
      group,
      key,
      source: null,
      target: null,
      expected,
      problems: [failure],
      proof: undefined,
    }
  })
}
