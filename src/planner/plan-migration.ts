import { acceptedNote, acceptedOf } from '../domain/accepted-gap.ts'
import type { Diagnostic } from '../domain/diagnostic.ts'
import type { TopicName } from '../domain/ids.ts'
import { PLAN_FORMAT_VERSION, type Plan, type Purpose } from '../domain/plan.ts'
import { type ReachedStage, stageRank, stagesInOrder } from '../domain/stage.ts'
import type { MigrationState } from '../domain/state.ts'
import type { Step } from '../domain/step.ts'
import { lostNote } from '../domain/stranded.ts'
import { stepsOfStage } from '../steps/index.ts'
import { reopenReverseStep } from '../steps/mirror-reverse.ts'
import { unconfirmedSeals } from '../steps/seal-under-lock.ts'
import type { PlanContext } from '../steps/step-kind.ts'
import { mayExpireNow } from './commits-expire.ts'
import type { Elsewhere } from './coverage.ts'
import { backRetentionOf, deadlines, invariants } from './deadlines.ts'
import { fingerprint } from './fingerprint.ts'
import { wayBackDeadlines } from './forgetting.ts'
import {
  destructionGuards,
  guard,
  type OtherTopics,
  pendingGuards,
  sameClusters,
  stepRightsGuards,
} from './guards/index.ts'
import { reopenedForwards, reopenedWayBack, reopensWayBack } from './guards/reverse.ts'
import { planAcceptGap } from './plan-accept-gap.ts'
import { planResync } from './plan-resync.ts'
import { type PlanParts, planRollback } from './plan-rollback.ts'
import { plannedOrder } from './recommend-order.ts'
import { earlierFirst } from './uncopied.ts'
import { withEmptied } from './with-emptied.ts'

export interface PlanInputs extends PlanContext {
  readonly purpose: Purpose
  readonly otherTopics: OtherTopics
  readonly elsewhere?: Elsewhere
  /** What they have decided; only asked for where something is to be removed. */
  readonly others?: readonly MigrationState[]
  /** SHA-256 of the files that went in, by path. */
  readonly inputs: Readonly<Record<string, string>>
  readonly toolVersion: string
  /** How many things that Ferry did not make the plan may delete: of the project's policy. */
  readonly maxDestroy?: number
  /** The same, of the command line, which wins. */
  readonly maxDestroyFlag?: number | undefined
}

/**
 * `(desired, observed, state, now) -> Plan`. Pure; everything that can be said about the future is said here and nowhere else.
 * What must be the same, must still hold and runs out is put around the steps; see {@link forwards} and `plan-rollback.ts` for those.
 */
export const planMigration = (given: PlanInputs): Plan => {
  const { desired, state, now, maxDestroyFlag } = given
  const { observed, problems } = withEmptied(given.observed, state)
  const inputs = { ...given, observed }
  const back = goesBackTo(inputs)
  const guards = [...observed.problems, ...sameClusters(inputs)]
  const unconfirmed = unconfirmedSeals(desired, state)
  const isForwards = inputs.purpose.kind === 'migrate' && back === undefined
  const parts = isForwards ? forwards(inputs) : withGuards(otherwise(inputs, back), guards)
  const order = isForwards ? plannedOrder(inputs) : undefined
  return {
    formatVersion: PLAN_FORMAT_VERSION,
    toolVersion: inputs.toolVersion,
    migration: desired.name,
    purpose: inputs.purpose,
    from: state.stage,
    to: parts.to,
    clusters: {
      source: { name: observed.source.name, id: observed.source.id },
      target: { name: observed.target.name, id: observed.target.id },
    },
    createdAt: now.toISOString(),
    inputs: inputs.inputs,
    steps: parts.steps,
    fingerprint: fingerprint(desired, observed, state),
    invariants: isForwards ? invariants(inputs) : [],
    deadlines: isForwards ? deadlines(inputs) : deadlinesBack(inputs, mirroredBackBy(parts)),
    problems: deduplicated([
      ...unconfirmed,
      ...problems,
      ...parts.problems,
      ...stepRightsGuards(inputs, parts.steps),
      ...pendingGuards(inputs, parts.steps),
      ...mayExpireNow(inputs, parts.steps),
      ...destructionGuards(
        inputs,
        parts.steps,
        maxDestroyFlag ?? inputs.maxDestroy ?? 0,
        inputs.others,
      ),
    ]),
    ...(order !== undefined && { order }),
    ...(maxDestroyFlag !== undefined && { maxDestroy: maxDestroyFlag }),
  }
}

/** What the target must still have when it is mirrored back. */
const deadlinesBack = (inputs: PlanInputs, topics: readonly TopicName[]) =>
  [...wayBackDeadlines(inputs, topics), ...backRetentionOf(inputs, topics)].sort(earlierFirst)

const mirroredBackBy = ({ steps }: PlanParts) =>
  steps.flatMap((step) => (step.kind === 'mirror-reverse' ? [step.topic] : []))

/** Where a rollback is to end: asked for by name, or by a stage in the file that lies behind. Undefined: it is none. */
export const goesBackTo = ({
  purpose,
  desired,
  state,
}: Pick<PlanInputs, 'purpose' | 'desired' | 'state'>): ReachedStage | undefined => {
  if (purpose.kind === 'rollback') return purpose.to
  if (purpose.kind !== 'migrate') return undefined
  const { stage, order } = desired
  return stageRank(stage, order) < stageRank(state.stage, order) ? stage : undefined
}

/** What does not bring a migration on to the stage of its file. */
const otherwise = (inputs: PlanInputs, back: ReachedStage | undefined): PlanParts => {
  const { purpose } = inputs
  if (purpose.kind === 'resync') return planResync(inputs, purpose.topics)
  if (purpose.kind === 'accept-gap') return planAcceptGap(inputs, purpose.gaps)
  return planRollback(inputs, back ?? inputs.desired.stage)
}

const withGuards = (parts: PlanParts, guards: readonly Diagnostic[]): PlanParts => ({
  ...parts,
  problems: [...guards, ...parts.problems],
})

/**
 * 1. Guards: what stands in the way, all of it.
 * 2. Seals of a rollback that cannot end are opened, and what follows is planned as if they were.
 * 3. For each stage up to the desired one, in the migration's order, the steps that each kind still finds missing.
 */
const forwards = (given: PlanInputs): PlanParts => {
  const { desired } = given
  const reopened = reopenedForwards(given)
  const inputs = reopened.length === 0 ? given : { ...given, state: reopenedWayBack(given.state) }
  const problems: Diagnostic[] = [
    ...reopensWayBack(given, reopened),
    ...guard(inputs, inputs.otherTopics, inputs.elsewhere),
    ...inputs.state.marks.flatMap((mark) =>
      acceptedOf(mark, inputs.state.acceptedGaps).map(acceptedNote),
    ),
    ...inputs.state.lost.map(lostNote),
  ]
  const steps: Step[] = reopened.map((topic) => reopenReverseStep(given, topic))
  const goal = stageRank(desired.stage, desired.order)
  for (const stage of stagesInOrder(desired.order)) {
    const rank = stageRank(stage, desired.order)
    if (rank > goal) break
    const planned = stepsOfStage(inputs, stage)
    steps.push(...planned.steps)
    problems.push(...planned.problems)
  }
  return { to: desired.stage, steps, problems }
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
