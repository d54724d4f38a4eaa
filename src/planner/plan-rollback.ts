import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { type ReachedStage, stageRank, stagesInOrder } from '../domain/stage.ts'
import type { Step } from '../domain/step.ts'
import { stepsToUndo } from '../steps/index.ts'
import type { PlanContext } from '../steps/step-kind.ts'
import { needsWayBack } from '../steps/way-back.ts'

/** What a plan consists of, before it is put into its frame. */
export interface PlanParts {
  readonly to: ReachedStage
  readonly steps: readonly Step[]
  readonly problems: readonly Diagnostic[]
}

/**
 * Back to an earlier stage, from what was really done, be it half of a stage. Pure.
 *
 * 1. From the last stage down to the one after `to`: what takes it back.
 * 2. The fences first: before anything else nobody may start on the target any more.
 * 3. Where producers have written to the target, that is mirrored back before any group returns.
 */
export const planRollback = (context: PlanContext, to: ReachedStage): PlanParts => {
  const { desired } = context
  const stages = stagesInOrder(desired.order)
  const goal = stageRank(to, desired.order)
  const steps: Step[] = []
  const problems: Diagnostic[] = notBehind(context, to)
  // A copy that is kept would have to hold what producers wrote in the middle of it: only to give it up is exact.
  const mirrorsBack = goal <= stageRank('prepared', desired.order) && needsWayBack(context)
  for (const stage of [...stages].reverse()) {
    const rank = stageRank(stage, desired.order)
    if (rank <= goal) break
    const leadsTo = stages[rank - 2] ?? 'nothing'
    const undone = stepsToUndo(context, { stage, leadsTo, to, mirrorsBack })
    steps.push(...undone.steps)
    problems.push(...undone.problems)
  }
  const ordered = mirrorsBack ? mirroredBackFirst(steps) : fencesFirst(steps)
  return { to, steps: ordered, problems: [...problems, ...expiring(context, steps)] }
}

const isFence = (step: Step): boolean => step.kind === 'revoke-access' && step.fences !== null

const fencesFirst = (steps: readonly Step[]): readonly Step[] => [
  ...steps.filter(isFence),
  ...steps.filter((step) => !isFence(step)),
]

/**
 * Until the copy is given up the migration is where it was: none of the stages in between is reached in a way that it could go on from.
 */
const mirroredBackFirst = (steps: readonly Step[]): readonly Step[] => {
  const first = steps.filter((step) => isFence(step))
  const next = steps.filter(isWayBack)
  const rest = steps.filter((step) => !first.includes(step) && !next.includes(step))
  return [...first, ...next, ...rest].map((step) =>
    step.stage === 'nothing' ? step : { ...step, stage: 'prepared' },
  )
}

const WAY_BACK: ReadonlySet<Step['kind']> = new Set<Step['kind']>([
  'mark-reverse',
  'mirror-reverse',
  'seal-reverse',
  'verify-reverse',
])

/** The protective configs belong to it: until all of it is copied the target must not delete any of it. */
const isWayBack = (step: Step): boolean =>
  WAY_BACK.has(step.kind) || (step.kind === 'configure-topic' && step.phase === 'protective')

const notBehind = ({ desired, state }: PlanContext, to: ReachedStage): Diagnostic[] =>
  stageRank(to, desired.order) <= stageRank(state.stage, desired.order)
    ? []
    : [
        diagnostic({
          code: 'FERRY1312',
          detail: `${desired.name} is at stage ${state.stage}; ${to} lies ahead of it, not behind.`,
          fix: `Give an earlier stage, or go on with \`ferry apply ${desired.name}\`.`,
        }),
      ]

/** A source before 2.1 forgets a commit a day after it was made, in use or not. */
const expiring = ({ observed }: PlanContext, steps: readonly Step[]): readonly Diagnostic[] =>
  observed.source.commitsExpireEarly && steps.some((step) => step.kind === 'return-group')
    ? [
        diagnostic({
          code: 'FERRY1313',
          severity: 'warning',
          summary: 'Commits expire early',
          detail: `${observed.source.name} is older than 2.1: what is committed there for a group expires after its offsets.retention.minutes (a day unless set), also while nobody uses it.`,
          fix: `Start the consumers on ${observed.source.name} soon after the rollback.`,
        }),
      ]
    : []
