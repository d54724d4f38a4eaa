import type { Plan } from '../domain/plan.ts'
import {
  type Order,
  type ReachedStage,
  type Stage,
  stageRank,
  stagesInOrder,
} from '../domain/stage.ts'

/** A plan goes back if it ends at an earlier stage than it began. */
const goesBack = (plan: Plan, order: Order): boolean =>
  stageRank(plan.to, order) < stageRank(plan.from, order)

/** The steps to run when apply shall stop at `until`; all of them without it. */
export const stepsUntil = (plan: Plan, order: Order, until: Stage | undefined): Plan['steps'] =>
  until === undefined ? plan.steps : plan.steps.filter((step) => covers(plan, order, until, step))

/**
 * The last stage on the plan's way for which nothing is left to do, given the ids of the steps that are done; undefined if it has not
 * come as far as the first one.
 */
export const stageReached = (
  plan: Plan,
  order: Order,
  done: ReadonlySet<string>,
): Stage | undefined => {
  const left = plan.steps.filter((step) => !done.has(step.id))
  return stagesOnTheWay(plan, order)
    .filter((stage) => !left.some((step) => covers(plan, order, stage, step)))
    .at(-1)
}

/** True if the step must be done for the plan to have come to this stage. */
const covers = (
  plan: Plan,
  order: Order,
  stage: Stage,
  step: { readonly stage: ReachedStage },
): boolean => {
  const ahead = stageRank(step.stage, order) - stageRank(stage, order)
  return goesBack(plan, order) ? ahead >= 0 : ahead <= 0
}

/**
 * After `from`, up to `to`. What is mirrored back first keeps its stage until the copy is given up: producers have written behind the seal, and none
 * of the stages in between could be gone on from.
 */
const stagesOnTheWay = (plan: Plan, order: Order): readonly Stage[] => {
  const mirrorsBack = plan.steps.some(({ kind }) => kind === 'verify-reverse')
  const from = mirrorsBack ? stageRank('mirrored', order) : stageRank(plan.from, order)
  const to = stageRank(plan.to, order)
  const stages = stagesInOrder(order)
  return goesBack(plan, order)
    ? stages.filter((stage) => isWithin(stageRank(stage, order), to, from - 1)).reverse()
    : stages.filter((stage) => isWithin(stageRank(stage, order), from + 1, to))
}

const isWithin = (rank: number, first: number, last: number): boolean =>
  first <= rank && rank <= last
