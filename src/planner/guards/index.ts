import type { Diagnostic } from '../../domain/diagnostic.ts'
import { notSupported } from '../../domain/not-supported.ts'
import type { PlanContext } from '../../steps/step-kind.ts'
import type { Elsewhere } from '../coverage.ts'
import { coverageWarnings } from '../coverage-warnings.ts'
import { cutoverWarnings } from '../cutover-warnings.ts'
import { accessGuards } from './access.ts'
import { belowMarks } from './below-marks.ts'
import { sameClusters } from './clusters.ts'
import { groupGuards, type OtherTopics } from './groups.ts'
import { lostCopies } from './lost-copy.ts'
import { rollbackUnderWay } from './reverse.ts'
import { topicGuards } from './topics.ts'

/** What stands in the way of a plan, all of it at once: errors block apply, warnings are shown. Pure. */
export const guard = (
  context: PlanContext,
  others: OtherTopics,
  elsewhere?: Elsewhere,
): readonly Diagnostic[] => [
  ...context.observed.problems,
  ...notSupported(context.desired),
  ...sameClusters(context),
  ...rollbackUnderWay(context),
  ...lostCopies(context),
  ...topicGuards(context, context.desired.topics),
  ...context.desired.groups.flatMap((spec) => groupGuards(context, spec, others)),
  ...accessGuards(context),
  ...belowMarks(context),
  ...cutoverWarnings(context),
  ...coverageWarnings(context, elsewhere),
]

export { stepRightsGuards } from './access.ts'
export { sameClusters } from './clusters.ts'
export { destructionGuards } from './destruction.ts'
export { type OtherTopics, pendingGuards } from './groups.ts'
export { topicGuards } from './topics.ts'
