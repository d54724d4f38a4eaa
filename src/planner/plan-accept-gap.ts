import { parseRangeName } from '../domain/accepted-gap.ts'
import type { Diagnostic } from '../domain/diagnostic.ts'
import { stageRank } from '../domain/stage.ts'
import type { AcceptGap, Step } from '../domain/step.ts'
import { gapStep } from '../steps/gap-step.ts'
import { mirrorStep } from '../steps/mirror-topic.ts'
import type { PlanContext } from '../steps/step-kind.ts'
import { verifyStep } from '../steps/verify-topic.ts'
import type { PlanParts } from './plan-rollback.ts'

/**
 * On without ranges of the source that cannot be mirrored. Pure.
 *
 * 1. Each range is accepted, if its partition stands there.
 * 2. The copy goes on, and is looked at, as far as the migration had come.
 */
export const planAcceptGap = (context: PlanContext, gaps: readonly string[]): PlanParts => {
  const { desired, state, observed, progress, stops = new Map() } = context
  const problems: Diagnostic[] = []
  const accepted: AcceptGap[] = []
  for (const range of gaps.flatMap((name) => parseRangeName(name) ?? [])) {
    const found = gapStep({ migration: desired.name, state, progress, stops }, range)
    if ('problem' in found) problems.push(found.problem)
    else if (found.step !== undefined) accepted.push(found.step)
  }
  const goesOn = stageRank(state.stage, desired.order) >= stageRank('mirrored', desired.order)
  const copied = desired.topics.flatMap((spec): Step[] => {
    const source = observed.source.topics.get(spec.name)
    if (!source || !goesOn || !accepted.some(({ topic }) => topic === spec.name)) return []
    return [mirrorStep(context, spec, source, false), verifyStep(spec, null)]
  })
  return { to: state.stage, steps: [...accepted, ...copied], problems }
}
