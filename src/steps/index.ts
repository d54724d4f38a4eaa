import type { Diagnostic } from '../domain/diagnostic.ts'
import type { Stage } from '../domain/stage.ts'
import type { Step, StepKindName } from '../domain/step.ts'
import { acceptGap } from './accept-gap.ts'
import { addPartitions } from './add-partitions.ts'
import { configureTopic } from './configure-topic.ts'
import { createTopic } from './create-topic.ts'
import { deleteTopic } from './delete-topic.ts'
import { forgetMark } from './forget-mark.ts'
import { grantAccess } from './grant-access.ts'
import { markReverse } from './mark-reverse.ts'
import { markTopic } from './mark-topic.ts'
import { mirrorReverse } from './mirror-reverse.ts'
import { mirrorTopic } from './mirror-topic.ts'
import { protect } from './protect.ts'
import { putBack } from './put-back.ts'
import { removeObject } from './remove-object.ts'
import { removeUser } from './remove-user.ts'
import { reopenTopic } from './reopen-topic.ts'
import { restoreGroup } from './restore-group.ts'
import { restoreQuota } from './restore-quota.ts'
import { retire } from './retire.ts'
import { returnGroup } from './return-group.ts'
import { revokeAccess } from './revoke-access.ts'
import { sealReverse } from './seal-reverse.ts'
import { sealTopic } from './seal-topic.ts'
import { setQuota } from './set-quota.ts'
import { setUser } from './set-user.ts'
import type { PlanContext, StepKind, Undoing } from './step-kind.ts'
import { syncGroup } from './sync-group.ts'
import { verifyReverse } from './verify-reverse.ts'
import { verifyTopic } from './verify-topic.ts'

/**
 * Every kind of step, in the order in which a stage runs them. A kind appears once although some work in several stages: each is asked
 * for every stage and answers with what that stage still misses.
 */
const KINDS = [
  protect,
  createTopic,
  addPartitions,
  setUser,
  setQuota,
  markTopic,
  mirrorTopic,
  verifyTopic,
  syncGroup,
  reopenTopic,
  sealTopic,
  configureTopic,
  markReverse,
  grantAccess,
  retire,
  removeObject,
  putBack,
  revokeAccess,
  mirrorReverse,
  sealReverse,
  verifyReverse,
  returnGroup,
  restoreGroup,
  forgetMark,
  acceptGap,
  deleteTopic,
  removeUser,
  restoreQuota,
] as const

/** Their names, in that order. */
export const STEP_KINDS: readonly StepKindName[] = KINDS.map(({ kind }) => kind)

/** The kind of a step; its functions take any step, so give it only its own. */
export const kindOf = (name: StepKindName): StepKind<Step> => {
  const kind = KINDS.find((k) => k.kind === name)
  if (!kind) throw new Error(`no step kind ${name}`)
  return kind as unknown as StepKind<Step>
}

/** What one stage still misses, in running order. */
export const stepsOfStage = (
  context: PlanContext,
  stage: Stage,
): { readonly steps: readonly Step[]; readonly problems: readonly Diagnostic[] } => {
  const steps: Step[] = []
  const problems: Diagnostic[] = []
  for (const kind of KINDS) {
    const planned = kind.plan(context, stage)
    steps.push(...planned.steps)
    problems.push(...(planned.problems ?? []))
  }
  return { steps, problems }
}

/** What takes one stage back, in running order: the reverse of how it was done. */
export const stepsToUndo = (
  context: PlanContext,
  undoing: Undoing,
): { readonly steps: readonly Step[]; readonly problems: readonly Diagnostic[] } => {
  const steps: Step[] = []
  const problems: Diagnostic[] = []
  for (const kind of [...KINDS].reverse() as readonly Pick<StepKind<Step>, 'undo'>[]) {
    const undone = kind.undo?.(context, undoing)
    steps.push(...(undone?.steps ?? []))
    problems.push(...(undone?.problems ?? []))
  }
  return { steps, problems }
}

export type {
  Clusters,
  Gate,
  GateReading,
  Outcome,
  PlanContext,
  Run,
  StepDescription,
  StepKind,
} from './step-kind.ts'
