import { type Grave, wantsConfirmation } from '../domain/consent.ts'
import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { Plan } from '../domain/plan.ts'
import { isSealing, withoutSealing } from '../domain/reverse.ts'
import { emptyState, type MigrationState } from '../domain/state.ts'
import type { Step } from '../domain/step.ts'
import type { Lock } from '../state/state-store.ts'
import type { ApplyOptions } from './apply-options.ts'
import { type OpenedRun, openRun } from './open-run.ts'
import {
  historyOf,
  openIntent,
  openPlanJournal,
  type PlanHistory,
  type PlanJournal,
} from './plan-journal.ts'
import { errorsAmong } from './problems.ts'
import { stepsUntil } from './stage-reached.ts'

export type OpenedPlan =
  | {
      readonly refused: readonly Diagnostic[]
      readonly state: MigrationState
      readonly history: PlanHistory
    }
  | {
      readonly refused?: never
      readonly opened: OpenedRun
      readonly history: PlanHistory
      readonly journal: PlanJournal
    }

/**
 * 1. Read decisions and journal.
 * 2. Refuse a plan that must not run: blocked, made for other clusters, run to its end, not confirmed.
 * 3. A plan whose own run is open goes on, unless others than its own steps have changed what it was made from. Any other must be what would
 *    be planned now.
 * 4. Write that it runs: from here on every other plan of this migration is stale.
 */
export const openPlan = async (options: ApplyOptions, lock: Lock): Promise<OpenedPlan> => {
  const { store, digest, migration } = options
  const stored = await store.readDecisions(migration.name)
  const state = stored ?? emptyState(migration.name, options.newLineage())
  const entries = await store.readJournal(migration.name)
  const history = historyOf(entries, digest)
  tellTakeover(options, lock, openIntent(entries))

  const isOpen = state.plan?.digest === digest && state.plan.status === 'open'
  const refused = refusalsOf(options, state, history, isOpen)
  if (refused.length > 0) return { refused, state, history }

  // Where it has run to its end only that is still to be written.
  if (!isOpen || !history.finished) {
    const changed = await options.recheck(isOpen ? history : undefined)
    const stale = errorsAmong(changed)
    if (stale.length > 0) return { refused: stale, state, history }
    for (const warning of changed) options.on.warned(warning)
  }

  const opened = openRun(options, state)
  const journal = openPlanJournal(store, migration.name, digest, options.now)
  // What an earlier run has seen says nothing once this one has changed something; a killed one must not leave it behind.
  // Nor a seal that it had not confirmed: what came meanwhile is mirrored, and then it is sealed anew.
  if (isOpen && (state.seen !== null || isSealing(state))) {
    await opened.run.decide((s) => ({ ...withoutSealing(s), seen: null }))
  }
  if (!isOpen) {
    const clusters = { source: options.clusters.source.id, target: options.clusters.target.id }
    await opened.run.decide((s) => ({
      ...withoutSealing(s),
      clusters,
      plan: { digest, status: 'open' },
      seen: null,
    }))
  }
  // A crash may have come between the decision and this line.
  if (!history.started) await journal.append({ kind: 'plan-started' })
  return { opened, history, journal }
}

const refusalsOf = (
  options: ApplyOptions,
  state: MigrationState,
  history: PlanHistory,
  isOpen: boolean,
): readonly Diagnostic[] => {
  const { plan } = options
  const blocking = errorsAmong(plan.problems)
  if (blocking.length > 0) return [blocked(plan, blocking.length), ...blocking]
  const wrong = wrongClusters(options, state)
  if (wrong.length > 0) return wrong
  // Asked of the journal too: another plan may have run since, and the decisions name only the last.
  const isDone = state.plan?.digest === options.digest && state.plan.status === 'done'
  if (isDone || (history.finished && !isOpen)) return [alreadyRan(plan)]
  return options.confirmed ? [] : unconfirmed(options, history)
}

const wrongClusters = (
  { plan, clusters, migration }: ApplyOptions,
  state: MigrationState,
): readonly Diagnostic[] => {
  if (plan.migration !== migration.name) return [otherMigration(plan, migration.name)]
  return (['source', 'target'] as const).flatMap((side) => {
    const { id, name } = clusters[side]
    const expected = [plan.clusters[side].id, ...(state.clusters ? [state.clusters[side]] : [])]
    const other = expected.find((each) => each !== id)
    return other === undefined ? [] : [wrongCluster(side, name, id, other)]
  })
}

const SAYS: Readonly<
  Record<Grave, { readonly begins: string; readonly step: (step: Step) => string }>
> = {
  'one-way': {
    begins: 'This cannot be undone',
    step: ({ id, undo }) => `${id} (${undo.says.replace(/^none: /, '')})`,
  },
  'gives-up-rollback': {
    begins:
      'This gives up a rollback, and opens its seal on the source, behind which services may have started there',
    step: ({ id }) => id,
  },
}

const unconfirmed = (options: ApplyOptions, history: PlanHistory): readonly Diagnostic[] => {
  const { plan, migration, until } = options
  const left = stepsUntil(plan, migration.order, until).filter((step) => !history.done.has(step.id))
  const says = Object.entries(SAYS).flatMap(([grave, what]) => {
    const steps = left.filter((step) => wantsConfirmation(step) === grave)
    return steps.length === 0 ? [] : [`${what.begins}: ${steps.map(what.step).join(', ')}.`]
  })
  if (says.length === 0) return []
  return [
    diagnostic({
      code: 'FERRY1411',
      detail: says.join(' '),
      fix: `Give --confirm ${plan.migration}.`,
    }),
  ]
}

const tellTakeover = (
  { on }: ApplyOptions,
  { takenOverFrom: gone }: Lock,
  intent: string | undefined,
): void => {
  if (gone === undefined) return
  const half = intent
    ? ` It had begun ${intent}, which may be half done and is looked at first.`
    : ''
  on.warned(
    `took over the lock of ${gone.user}@${gone.host} (pid ${gone.pid}, ${gone.operation}, since ${gone.since}): that process is gone, or its lease has ended.${half}`,
  )
}

const blocked = (plan: Plan, problems: number): Diagnostic =>
  diagnostic({
    code: 'FERRY1409',
    detail: `The plan for ${plan.migration} was made with ${problems === 1 ? 'a problem that stands' : `${problems} problems that stand`} in its way.`,
    fix: 'Solve what follows and make a new plan.',
  })

const otherMigration = (plan: Plan, name: string): Diagnostic =>
  diagnostic({
    code: 'FERRY1401',
    detail: `The plan is for ${plan.migration}, not for ${name}.`,
    fix: 'Make a new plan.',
  })

const wrongCluster = (side: string, name: string, id: string, expected: string): Diagnostic =>
  diagnostic({
    code: 'FERRY1201',
    detail: `The ${side} ${name} has the id ${id}; this migration was planned and begun with ${expected}.`,
    fix: 'Point the cluster file at the cluster that the plan was made for, or make a new plan.',
  })

const alreadyRan = (plan: Plan): Diagnostic =>
  diagnostic({
    code: 'FERRY1408',
    detail: `The plan of ${plan.createdAt} for ${plan.migration} has run to its end.`,
    fix: 'If something is left to do, make a new plan.',
  })
