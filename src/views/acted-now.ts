import type { ApplyResult } from '../applier/apply-options.ts'

/** True if this very run began a step; false if it was refused before its first, also where an earlier run of the plan had begun. */
export const actedNow = ({ steps }: Pick<ApplyResult, 'steps'>): boolean =>
  steps.some((step) => !step.earlier && step.outcome !== 'notStarted')
