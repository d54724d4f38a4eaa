import type { Diagnostic } from '../domain/diagnostic.ts'
import { PLAN_FORMAT_VERSION, type Plan } from '../domain/plan.ts'
import { stageRank, stagesInOrder } from '../domain/stage.ts'
import type { Step } from '../domain/step.ts'
import { stepsOfStage } from '../steps/index.ts'
import type { PlanContext } from '../steps/step-kind.ts'
import { deadlines, invariants } from './deadlines.ts'
import { fingerprint } from './fingerprint.ts'
import { guard, type OtherTopics } from './guards.ts'

export interface PlanInputs extends PlanContext {
  readonly otherTopics: OtherTopics
  /** SHA-256 of the files that went in, by path. */
  readonly inputs: Readonly<Record<string, string>>
  readonly toolVersion: string
}

/**
 * `(desired, observed, state, now) -> Plan`. Pure; everything that can be said about the future is said here and nowhere else.
 *
 * 1. Guards: what stands in the way, all of it.
 * 2. For each stage up to the desired one, in the migration's order, the steps that each kind still finds missing.
 * 3. What must be the same, must still hold, and runs out.
 */
export const planMigration = (inputs: PlanInputs): Plan => {
  const { desired, observed, state, now } = inputs
  const problems: Diagnostic[] = [...guard(inputs, inputs.otherTopics)]
  const steps: Step[] = []
  const goal = stageRank(desired.stage, desired.order)
  for (const stage of stagesInOrder(desired.order)) {
    const rank = stageRank(stage, desired.order)
    if (rank > goal) break
    const planned = stepsOfStage(inputs, stage)
    steps.push(...planned.steps)
    problems.push(...planned.problems)
  }
  return {
    formatVersion: PLAN_FORMAT_VERSION,
    toolVersion: inputs.toolVersion,
    migration: desired.name,
    from: state.stage,
    to: desired.stage,
    clusters: {
      source: { name: observed.source.name, id: observed.source.id },
      target: { name: observed.target.name, id: observed.target.id },
    },
    createdAt: now.toISOString(),
    inputs: inputs.inputs,
    steps,
    fingerprint: fingerprint(desired, observed, state),
    invariants: invariants(inputs),
    deadlines: deadlines(inputs),
    problems: deduplicated(problems),
  }
}

/** Errors first; the same thing said once. */
const deduplicated = (problems: readonly Diagnostic[]): readonly Diagnostic[] => {
  const seen = new Set<string>()
  const unique = problems.filter((p) => {
    const key = `${p.code}|${p.detail}`
    return seen.has(key) ? false : seen.add(key)
  })
  return [
    ...unique.filter((p) => p.severity === 'error'),
    ...unique.filter((p) => p.severity === 'warning'),
  ]
}
