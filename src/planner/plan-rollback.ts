import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { type ReachedStage, stageRank, stagesInOrder } from '../domain/stage.ts'
import type { Step } from '../domain/step.ts'
import { stepsToUndo } from '../steps/index.ts'
import type { PlanContext } from '../steps/step-kind.ts'

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
 */
export const planRollback = (context: PlanContext, to: ReachedStage): PlanParts => {
  const { desired } = context
  const stages = stagesInOrder(desired.order)
  const goal = stageRank(to, desired.order)
  const steps: Step[] = []
  const problems: Diagnostic[] = notBehind(context, to)
  for (const stage of [...stages].reverse()) {
    const rank = stageRank(stage, desired.order)
    if (rank <= goal) break
    const leadsTo = stages[rank - 2] ?? 'nothing'
    const undone = stepsToUndo(context, { stage, leadsTo, to })
    steps.push(...undone.steps)
    problems.push(...undone.problems)
  }
  return { to, steps: fencesFirst(steps), problems: [...problems, ...expiring(context, steps)] }
}

const isFence = (step: Step): boolean => step.kind === 'revoke-access' && step.fences !== null

const fencesFirst = (steps: readonly Step[]): readonly Step[] => [
  ...steps.filter(isFence),
  ...steps.filter((step) => !isFence(step)),
]

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
