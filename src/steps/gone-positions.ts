import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { type PartitionKey, parsePartitionKey } from '../domain/ids.ts'
import type { GroupSpec, Migration } from '../domain/migration.ts'
import { type GroupSync, takesBack } from '../domain/moved-groups.ts'
import { stageRank } from '../domain/stage.ts'
import type { MigrationState } from '../domain/state.ts'
import { placesOf } from '../domain/state-places.ts'
import type { SyncGroup } from '../domain/step.ts'
import type { Strayed } from '../domain/strayed.ts'
import type { ObservedGroup, ObservedSide } from '../planner/observed.ts'
import { counted } from './_words.ts'
import { firstOf, named } from './gates/index.ts'
import { goneFromTarget, isLetIn, liveOnTarget } from './moved-since-sync.ts'
import type { PlanContext } from './step-kind.ts'

/** Positions that Ferry wrote on the target and that are not there any more: its consumers would do what their auto.offset.reset says. Pure. */

/** Whether a group is to be synced. */
export interface Due {
  /** Why it is; undefined: it is not. */
  readonly reason?: string
  /** Only what the sync wrote in these partitions is due, as it is gone from the target. Absent: all. */
  readonly gone?: readonly PartitionKey[]
  readonly problem?: Diagnostic
}

export const movedOn = ({ name }: Pick<ObservedSide, 'name'>): string =>
  `it has moved on ${name} since it was synced`

/** Those in topics of the migration. */
export const goneOf = (
  { desired, state }: Pick<PlanContext, 'desired' | 'state'>,
  sync: GroupSync,
  there: Pick<ObservedGroup, 'commits'>,
): readonly PartitionKey[] => {
  const topics = new Set(desired.topics.map(({ name }) => name))
  return goneFromTarget(state, sync, there.commits).filter((key) =>
    topics.has(parsePartitionKey(key).topic),
  )
}

interface Gone {
  readonly sync: GroupSync
  /** Where it has moved on the source since. */
  readonly strayed: Strayed | undefined
  readonly there: ObservedGroup
  readonly gone: readonly PartitionKey[]
}

/**
 * - Nobody has run on the target: the group stands where it stands on the source. Where it has moved there it is synced anew; else what the
 *   sync wrote is written again, also where the source's own commits have expired meanwhile.
 * - Its consumers live on the target and run: they go on from what they have in memory. It is said, and stands in nobody's way.
 * - Else nobody knows whether they ran there: somebody must say so.
 */
export const whyGone = (context: PlanContext, spec: GroupSpec, found: Gone): Due => {
  const { desired, observed, state } = context
  const { sync, strayed, there, gone } = found
  const because = mayHaveRun(desired, state, sync, there)
  if (because === undefined && strayed !== undefined) return { reason: movedOn(observed.source) }
  const mayReadAgain = spec.allowRewind && there.description.members.length === 0
  if (because === undefined || mayReadAgain) {
    return {
      reason: `what the sync wrote on ${observed.target.name} is gone: it expired or was deleted`,
      gone,
    }
  }
  const on = observed.target.name
  return {
    problem: diagnostic({
      code: 'FERRY1707',
      ...(liveOnTarget(desired, state) && there.description.members.length > 0
        ? livesOn(spec, on, gone)
        : unclear(spec, on, gone, because)),
      at: spec.at,
    }),
  }
}

/**
 * Why consumers of the group may have run on the target since it was synced; undefined: they have not. Where nobody was let in, only what is
 * to be seen of the group tells. Where somebody could be, it tells only in one case: a position that is left of the sync, in a group that was
 * made by a commit alone and never had a member. A group that is gone as a whole says nothing: one that ran and expired looks the same.
 */
export const mayHaveRun = (
  desired: Pick<Migration, 'access' | 'order'>,
  state: Pick<MigrationState, 'marks' | 'seals' | 'grants' | 'stage' | 'returns'>,
  sync: GroupSync,
  { commits, description }: Pick<ObservedGroup, 'commits' | 'description'>,
): string | undefined => {
  const { members, type, protocolType } = description
  if (members.length > 0) return `its consumers run there: ${named(members)}`
  const { marks } = placesOf(state)
  const moved = [...commits].find(([key, { offset }]) => {
    const written = [sync.positions.get(key)?.target, sync.adding?.get(key)?.target]
    return marks.has(key) && !written.includes(offset)
  })
  if (moved) return `it is at ${moved[1].offset} of ${moved[0]} there, which Ferry did not write`
  const isThere = description.state !== 'absent' && description.state !== 'dead'
  if (isThere && (type !== 'classic' || protocolType !== '')) return 'it has had members there'
  if (state.returns.some((returned) => takesBack(returned, sync))) {
    return 'a rollback has begun to put it back'
  }
  const isLeft = [...commits.keys()].some((key) => {
    const position = sync.positions.get(key)
    return position !== undefined && position.at === undefined
  })
  if (isLeft) return undefined
  if (isLetIn(desired, state)) return 'they were let in there'
  return stageRank(state.stage, desired.order) >= stageRank('consumers-moved', desired.order)
    ? 'it counts as moved there'
    : undefined
}

type Words = Pick<Parameters<typeof diagnostic>[0], 'severity' | 'detail' | 'fix'>

const livesOn = ({ id }: GroupSpec, on: string, gone: readonly PartitionKey[]): Words => ({
  severity: 'warning',
  detail: `${id} runs on ${on} and has no position any more in ${firstOf(gone)} there, although the sync wrote one: it expired or was deleted. Its consumers go on from what they have in memory; one that starts anew does there what its auto.offset.reset says.`,
  fix: 'Let its service commit its position there before it is restarted.',
})

const unclear = (
  { id }: GroupSpec,
  on: string,
  gone: readonly PartitionKey[],
  because: string,
): Words => ({
  severity: 'error',
  detail: `${id} has no position any more in ${firstOf(gone)} on ${on}, although the sync wrote one: it expired or was deleted. A consumer that starts now does there what its auto.offset.reset says. Whether some have run there since the sync is not known, as ${because}, so what was written then may be behind.`,
  fix: `Keep its consumers on ${on} stopped. If none has run there, or they may read again what they have read since: --allow-rewind ${id}, which writes again what the sync wrote. If they have, commit there what its service knows (kafka-consumer-groups.sh --reset-offsets). A group that is not used any more is taken out of the file.`,
})

/** The step that writes again what is gone. */
export const againStep = (
  spec: GroupSpec,
  topics: SyncGroup['topics'],
  reason: string,
  gone: readonly PartitionKey[],
): SyncGroup => ({
  kind: 'sync-group',
  id: `sync-group/${spec.id}`,
  stage: 'consumers-moved',
  reason,
  undo: { cost: 'restores', says: `with its other positions, ${counted(gone.length, 'commit')}` },
  group: spec.id,
  topics,
  uncommitted: 'absent',
  allowRewind: spec.allowRewind ?? false,
  onlyGone: true,
  committed: gone.length,
  partitions: gone.length,
})
