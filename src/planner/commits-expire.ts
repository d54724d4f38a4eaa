import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { GroupId } from '../domain/ids.ts'
import { type GroupSync, oldestWrite } from '../domain/moved-groups.ts'
import type { Deadline } from '../domain/plan.ts'
import type { MigrationState } from '../domain/state.ts'
import type { Step } from '../domain/step.ts'
import { goneFromTarget } from '../steps/moved-since-sync.ts'
import type { PlanContext } from '../steps/step-kind.ts'
import type { ObservedGroup, ObservedSide } from './observed.ts'
import { instant } from './uncopied.ts'

/**
 * When brokers forget the positions of groups without members. Pure.
 *
 * A group that was made by commits alone, and one of the new protocol, loses each `offsets.retention.minutes` after it was written. A classic
 * group that had members loses all of them that long after it became empty, also one that was written since (`offsetExpirationCondition` of
 * Kafka's ClassicGroup; measured by `positions-expire.slow.test.ts`). Since when a group is empty no broker tells: where Ferry has seen it
 * so, the state does.
 */

/** Broker default of `offsets.retention.minutes` since 2.0: seven days. Before 2.1 a commit lived for a day. */
const OFFSETS_RETENTION_MINUTES = 7 * 24 * 60

const lifeMs = ({ brokerConfigs, commitsExpireEarly }: ObservedSide): number => {
  const minutes = brokerConfigs.get('offsets.retention.minutes')?.value
  return Number(minutes ?? (commitsExpireEarly ? 24 * 60 : OFFSETS_RETENTION_MINUTES)) * 60_000
}

/** It counts from when its last member left. */
const countsFromEmpty = ({ description }: Pick<ObservedGroup, 'description'>): boolean =>
  description.type === 'classic' && description.protocolType !== ''

const isEmpty = (group: ObservedGroup | undefined): group is ObservedGroup =>
  group !== undefined && group.commits.size > 0 && group.description.members.length === 0

const syncedAs = ({ syncs }: Pick<MigrationState, 'syncs'>, id: GroupId): GroupSync | undefined =>
  syncs.find((sync) => sync.group === id && sync.status === 'done')

/**
 * From when on the positions of a group on the source live, at the latest; undefined: since when is not known. A group was without members
 * when Ferry began to sync it, and when it put it back; what it has committed since it could only commit by running.
 */
const livesSince = (
  { state }: PlanContext,
  id: GroupId,
  seen: ObservedGroup,
): number | undefined => {
  const stands = (positions: ReadonlyMap<unknown, { readonly source: bigint }>): boolean =>
    [...positions].every(([key, { source }]) => seen.commits.get(key as never)?.offset === source)
  const returned = state.returns.find((r) => r.group === id && r.status === 'done')
  if (returned !== undefined && returned.positions.size > 0 && stands(returned.positions)) {
    // It was synced while it was empty here, and nobody has run here since.
    return Date.parse(countsFromEmpty(seen) ? (returned.of ?? returned.at) : returned.at)
  }
  const begun = state.syncs.find((s) => s.group === id && s.status === 'pending')
  const isUntouched = begun !== undefined && begun.positions.size > 0 && stands(begun.positions)
  return isUntouched ? Date.parse(begun.at) : undefined
}

/** A group whose consumers were stopped and that is still to be synced. */
export const sourceCommits = (context: PlanContext): readonly Deadline[] => {
  const { desired, observed, state, now } = context
  const { name } = observed.source
  return desired.groups.flatMap(({ id }): Deadline[] => {
    const group = observed.source.groups.get(id)
    if (syncedAs(state, id) || !isEmpty(group)) return []
    const since = livesSince(context, id, group)
    const at = (since ?? now.getTime()) + lifeMs(observed.source)
    if (at <= now.getTime()) return []
    return [
      {
        at: instant(at),
        says:
          since === undefined
            ? `the positions of ${id} on ${name}, which has no members now, are gone by then at the latest`
            : `the positions of ${id} on ${name}, which has had no members since ${instant(since)} or longer, are gone by then at the latest`,
        about: { kind: 'source-commits', group: id },
      },
    ]
  })
}

/** When what was written for a group on the target is gone; a running mirror renews it, which moves the moment past what is said. */
const goneAt = ({ observed, state }: PlanContext, sync: GroupSync): number => {
  const there = observed.target.groups.get(sync.group)
  const life = lifeMs(observed.target)
  const written = Date.parse(oldestWrite(sync))
  // An earlier move is over: it was empty here when it was put back.
  const before = state.returns.find((r) => r.group === sync.group && r.status === 'done')
  return before && there && countsFromEmpty(there) && before.of !== sync.at
    ? Math.min(written, Date.parse(before.at)) + life
    : written + life
}

const waiting = ({ desired, observed, state }: PlanContext): readonly GroupSync[] => {
  const names = new Set(desired.groups.map((g) => g.id))
  return state.syncs.filter((sync) => {
    if (!names.has(sync.group) || sync.status !== 'done' || sync.positions.size === 0) return false
    const there = observed.target.groups.get(sync.group)
    if ((there?.description.members.length ?? 0) > 0) return false
    // What is gone already is a problem of its own, see `gone-positions.ts`.
    return !(there && goneFromTarget(state, sync, there.commits).length > 0)
  })
}

/** What was synced, and whose consumers have not come yet. */
export const targetCommits = (context: PlanContext): readonly Deadline[] => {
  const { observed, now } = context
  const { name } = observed.target
  return waiting(context).flatMap((sync): Deadline[] => {
    const { group } = sync
    const expires = goneAt(context, sync)
    // Its positions are still there after it: they were renewed, or nobody can tell, see `mayExpireNow`.
    if (expires <= now.getTime()) return []
    const there = observed.target.groups.get(group)
    const { protocolType = '', type = 'classic' } = there?.description ?? {}
    const hadMembers = protocolType !== '' || type !== 'classic'
    const sooner = there && countsFromEmpty(there) ? ', and they may expire sooner' : ''
    return [
      {
        at: instant(expires),
        says: hadMembers
          ? `the synced positions of ${group} expire on ${name} by then unless its consumers start: it has had members there, so no mirror renews them${sooner}`
          : `the synced positions of ${group} expire on ${name} unless its consumers start, or a mirror runs that renews them`,
        about: { kind: 'target-commits', group },
      },
    ]
  })
}

/**
 * Positions that have no moment up to which they stand, and so no deadline: those that are there longer than a broker keeps them, as far as
 * Ferry knows; and those that steps are about to write into a group that had members, where they are as old as its emptiness. Blocks nothing.
 */
export const mayExpireNow = (
  context: PlanContext,
  steps: readonly Step[],
): readonly Diagnostic[] => {
  const { desired, observed, state, now } = context
  const { source, target } = observed
  const written = steps.flatMap((step) => {
    if (step.kind === 'sync-group') return willBeOld(target, step.group, 'synced')
    return step.kind === 'return-group' ? willBeOld(source, step.group, 'put back') : []
  })
  const left = desired.groups.flatMap(({ id }) => {
    const group = source.groups.get(id)
    if (syncedAs(state, id) || !isEmpty(group)) return []
    const since = livesSince(context, id, group)
    if (since === undefined || since + lifeMs(source) > now.getTime()) return []
    return anyMoment(
      `The positions of ${id} on ${source.name} are older than it keeps those of a group without members: as far as is known it has had none since ${instant(since)}`,
      `Move it now, or start its consumers on ${source.name}.`,
    )
  })
  const synced = waiting(context).flatMap((sync) => {
    const there = target.groups.get(sync.group)
    if (!there || !countsFromEmpty(there) || goneAt(context, sync) > now.getTime()) return []
    return anyMoment(
      `The synced positions of ${sync.group} on ${target.name} are older than it keeps those of a group without members, which counts from when the last one left`,
      startNow(target),
    )
  })
  return [...written, ...left, ...synced]
}

const startNow = ({ name }: ObservedSide): string =>
  `Start its consumers on ${name} at once, and look at \`ferry status\` before: it says where they are gone already.`

const willBeOld = (
  side: ObservedSide,
  id: GroupId,
  how: 'synced' | 'put back',
): readonly Diagnostic[] => {
  const group = side.groups.get(id)
  if (!group || group.description.members.length > 0 || !countsFromEmpty(group)) return []
  const days = lifeMs(side) / 86_400_000
  const life =
    Number.isInteger(days) && days > 1 ? `${days} days` : `${lifeMs(side) / 60_000} minutes`
  return anyMoment(
    `${id} has had members on ${side.name} before: there all its positions are gone ${life} after the last one left, also those that are ${how} now. Since when it has none ${side.name} does not tell`,
    `Start its consumers on ${side.name} as soon as they are ${how}.`,
  )
}

const anyMoment = (detail: string, fix: string): readonly Diagnostic[] => [
  diagnostic({
    code: 'FERRY1369',
    severity: 'warning',
    detail: `${detail}. They may expire at any moment.`,
    fix,
  }),
]
