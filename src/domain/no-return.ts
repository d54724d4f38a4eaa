import { covers } from './access.ts'
import { isHardlyKept, surelyKeptMs } from './heard.ts'
import { humanDuration } from './human-duration.ts'
import type { Plan } from './plan.ts'
import type { GrantAccess, SealTopic, Step } from './step.ts'

/** Where undoing ends in a plan. */
export interface NoReturn {
  /** Before this step, counted from 0; the number of steps: behind the last. */
  readonly before: number
  /** Why, as part of a sentence. */
  readonly because: string
  /** What has to happen for it, after the step before; null: the step behind the line does it by itself. */
  readonly once: string | null
}

/**
 * The line of no return of a plan, computed from its steps; null: all of it can be undone. It lies before the first step that cannot be
 * undone, or right behind the first seal without a way back that nothing but itself kept closed: where no grant of WRITE follows for a topic (no ACL in the
 * file, no authorizer, or the right was there before), its producers may be started as soon as it is sealed, and what they write is only
 * on the target. Where there is neither, but a topic will be compacted on the target, it is a moment behind its seal. Pure.
 */
export const noReturnOf = ({
  steps,
  clusters,
}: Pick<Plan, 'steps' | 'clusters'>): NoReturn | null => {
  const oneWay = steps.findIndex((step) => step.undo.cost === 'impossible')
  const opened = steps.findIndex(
    (step) => step.kind === 'seal-topic' && step.noWayBack === true && !isKeptClosed(step, steps),
  )
  const seal = steps[opened]
  if (seal?.kind === 'seal-topic' && (oneWay === -1 || opened < oneWay)) {
    return {
      before: opened + 1,
      because: `no WRITE is granted here that its producers would wait for: once ${seal.topic} is sealed they may start, and what they write is only on ${clusters.target.name}`,
      once: `once producers write on ${clusters.target.name}`,
    }
  }
  const step = steps[oneWay]
  if (step !== undefined) return { before: oneWay, because: step.undo.says, once: null }
  const forgetting = steps.findIndex(
    (each) => each.kind === 'seal-topic' && each.forgetsAfterMs !== undefined,
  )
  const forgets = steps[forgetting]
  if (forgets?.kind !== 'seal-topic') return null
  const keptMs = forgets.forgetsAfterMs ?? 0
  return {
    before: forgetting + 1,
    because: `${forgets.topic} is compacted: which keys producers deleted on ${clusters.target.name} is forgotten there by then, unless a mirror copies back all the time`,
    once: isHardlyKept(keptMs)
      ? `once producers write on ${clusters.target.name}`
      : `${humanDuration(surelyKeptMs(keptMs))} after producers write on ${clusters.target.name}`,
  }
}

const isKeptClosed = ({ topic }: SealTopic, steps: readonly Step[]): boolean =>
  steps.some((step) => step.kind === 'grant-access' && opens(step, topic))

const opens = ({ when, acls }: GrantAccess, topic: string): boolean =>
  when === 'after-seal' &&
  acls.some(
    (acl) =>
      acl.resourceType === 'TOPIC' &&
      (acl.operation === 'WRITE' || acl.operation === 'ALL') &&
      covers(acl, topic),
  )
