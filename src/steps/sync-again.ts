import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { GroupSpec, Migration } from '../domain/migration.ts'
import { stagesInOrder } from '../domain/stage.ts'
import type { Strayed } from '../domain/strayed.ts'
import type { GroupMember } from '../kafka/cluster.ts'
import { named } from './gates/index.ts'
import { type Due, goneOf, movedOn, whyGone } from './gone-positions.ts'
import { isLetIn, liveOnTarget, movedOnSource, touchedOnTarget } from './moved-since-sync.ts'
import type { PlanContext } from './step-kind.ts'

/**
 * Not synced yet; or moved on the source since, before anybody was let in on the target: it is synced again where nobody was there either.
 * Or what was written there is gone, by expiry or by somebody's hand: see `gone-positions.ts`.
 */
export const whyDue = (context: PlanContext, spec: GroupSpec): Due => {
  const { desired, observed, state } = context
  const sync = state.syncs.find((s) => s.group === spec.id && s.status === 'done')
  if (sync === undefined) {
    return { reason: 'its consumers must go on at exactly their next unread record' }
  }
  const strayed = movedOnSource(state, sync, observed.source.groups.get(spec.id)?.commits)
  const there = observed.target.groups.get(spec.id)
  if (there !== undefined && state.stage !== 'retired') {
    const gone = goneOf(context, sync, there)
    if (gone.length > 0) return whyGone(context, spec, { sync, strayed, there, gone })
  }
  if (liveOnTarget(desired, state)) return {}
  if (strayed === undefined) return {}
  const touched = touchedOnTarget(state, sync, there?.commits)
  const members = there?.description.members ?? []
  if (!isLetIn(desired, state) && touched === undefined && members.length === 0) {
    return { reason: movedOn(observed.source) }
  }
  // Who is not let in by Ferry may have been started by hand, as the way without ACLs is.
  if (state.stage === 'consumers-moved') return {}
  return { problem: cannotSyncAgain(context, spec, strayed, { touched, members }) }
}

interface InTheWay {
  readonly touched: Strayed | undefined
  readonly members: readonly GroupMember[]
}

const cannotSyncAgain = (
  { desired, observed: { source, target } }: PlanContext,
  spec: GroupSpec,
  strayed: Strayed,
  { touched, members }: InTheWay,
): Diagnostic => {
  const back = `\`${takeSyncsBack(desired)}\``
  const [because, fix] = touched
    ? [
        `on ${target.name} it is ${placed(touched.now)} of ${touched.key} and no longer ${placed(touched.synced)}, where the sync left it`,
        `Find out who committed on ${target.name}. If the position on ${source.name} is right, put the one on ${target.name} back ${touched.synced === undefined ? 'to none' : `to ${touched.synced}`} and make a new plan, which syncs the group again. If not, ${back}.`,
      ]
    : members.length > 0
      ? [
          `its consumers run on ${target.name}: ${named(members)}`,
          `Stop them and make a new plan, which syncs the group again if they have committed nothing.`,
        ]
      : [
          `consumers were let in on ${target.name} already`,
          `Stop its consumers on both clusters and take the sync back: ${back}; then apply again.`,
        ]
  return diagnostic({
    code: 'FERRY1703',
    detail: `${spec.id} is at ${strayed.now} of ${strayed.key} on ${source.name} and was synced ${placed(strayed.synced)}: on ${target.name} it would read again what it has read since. It cannot be synced again by itself, as ${because}.`,
    fix,
    at: spec.at,
  })
}

/** The command that takes the syncs back, and no more than that. */
export const takeSyncsBack = ({ name, order }: Pick<Migration, 'name' | 'order'>): string => {
  const stages = stagesInOrder(order)
  return `ferry rollback ${name} --to ${stages[stages.indexOf('consumers-moved') - 1]}`
}

const placed = (offset: bigint | undefined): string =>
  offset === undefined ? 'without a position' : `at ${offset}`
