import { aclKey } from '../domain/access.ts'
import type { Diagnostic } from '../domain/diagnostic.ts'
import type { Plan } from '../domain/plan.ts'
import type { Step } from '../domain/step.ts'
import {
  aclPart,
  changedParts,
  DECISIONS,
  digestOfPart,
  fingerprint,
  withoutDetails,
} from './fingerprint.ts'
import { aclParts } from './left-by/acls.ts'
import { quotaParts } from './left-by/quotas.ts'
import { removedParts, sourceParts } from './left-by/removed.ts'
import { topicParts } from './left-by/topics.ts'
import { userParts } from './left-by/users.ts'
import { skipsUnsaid, staleBecause } from './preflight.ts'
import type { OwnSteps, WhatIsNow } from './what-is-now.ts'

/**
 * Compares a saved plan whose run is open with what is now. What its own steps did does not make it stale, anything else does. Pure.
 *
 * - What a step that is done has changed must be as that step has left it.
 * - What a step has begun to change and not ended may be as it was, or half done: the step looks before it acts.
 * - A group of the source may go: that is what a plan waits for at its gates. None may come that nobody has reviewed.
 * - All else must be as it was planned.
 * - What a new plan would refuse now stands in the way of this one too, also where no part of the fingerprint tells of it: it had no such
 *   problem when it was made, or it would not have begun.
 */
export const checkOpen = (saved: Plan, now: WhatIsNow, own: OwnSteps): readonly Diagnostic[] => {
  const unread = now.observed.problems.filter(({ severity }) => severity === 'error')
  if (unread.length > 0) return unread
  const is = fingerprint(now.desired, now.observed, now.state)
  const left = ownParts(saved, now, own)
  const names = new Set([...Object.keys(saved.fingerprint), ...Object.keys(is), ...left.keys()])
  const parts = [...names].filter(
    (part) => !(left.get(part) ?? isAsPlanned(part, saved.fingerprint[part], is[part], now)),
  )
  const files = changedParts(saved.inputs, now.fresh.inputs).map((file) => `the file ${file}`)
  const changed = [...files, ...withoutDetails(parts.sort())]
  if (changed.length > 0) return [staleBecause(saved, changed)]
  const unsaid = skipsUnsaid(saved, now.fresh, now.desired)
  return unsaid.length > 0 ? [staleBecause(saved, unsaid)] : problemsSince(saved, now.fresh)
}

const THERE = digestOfPart(true)

/** Of a part that no step of the plan has changed. */
const isAsPlanned = (
  part: string,
  planned: string | undefined,
  is: string | undefined,
  { observed: { target } }: WhatIsNow,
): boolean => {
  // Every step writes them; another plan that ran would have taken the place of this one.
  if (planned === is || part === DECISIONS) return true
  if (part.startsWith('group ')) return is !== THERE
  if (/^removed (?:source|target)\/group\//.test(part)) return is === undefined
  if (part.startsWith('ACL ')) {
    if (is !== undefined || typeof target.acls === 'string') return is === undefined
    // One of what a rollback has forgotten is not looked at any more.
    return target.acls.some((acl) => aclPart(aclKey(acl)) === part)
  }
  // A rollback forgets what it has taken back; whether a topic is there is a part of its own.
  const mayBeUnnamed = /^(?:topic|partitions|configs|user|quota) /.test(part)
  return mayBeUnnamed && (planned === undefined || is === undefined)
}

/** The parts that steps of the plan have changed, or were about to: whether they are what those steps make of them. */
const ownParts = (saved: Plan, now: WhatIsNow, own: OwnSteps): ReadonlyMap<string, boolean> => {
  const steps = saved.steps.filter(({ id }) => own.begun.has(id))
  const isDone = ({ id }: Step): boolean => own.done.has(id)
  const given = { saved, now, steps, isDone, facts: own.facts ?? new Map() }
  return new Map([
    ...topicParts(given),
    ...aclParts(given),
    ...userParts(given),
    ...quotaParts(given),
    ...removedParts(given),
    ...sourceParts(given),
  ])
}

/** The errors of a plan of now. The saved one had none, so that each of them has come since. */
const problemsSince = ({ purpose }: Plan, fresh: Plan): readonly Diagnostic[] => {
  const expected = new Set([...MADE_BY_ITSELF.always, ...MADE_BY_ITSELF[purpose.kind]])
  return fresh.problems
    .filter(({ severity, code }) => severity === 'error' && !expected.has(code))
    .map((problem) => ({
      ...problem,
      fix: `${problem.fix} This came after the plan had begun: its run stays open, and the same plan goes on once that is solved.`,
    }))
}

/**
 * What a plan brings about by itself, so that only a new one is refused for it.
 * - A group without positions is gone once its consumers are stopped, which is what the plan waits for. A topic of the source goes by its own
 *   step; one that goes otherwise is a part of the fingerprint.
 * - A copy that is made anew lies where a second one could not be primed, and its old mark is given up.
 * - A range that is accepted is no stop any more.
 */
const MADE_BY_ITSELF: Readonly<
  Record<Plan['purpose']['kind'] | 'always', readonly Diagnostic['code'][]>
> = {
  always: ['FERRY1303', 'FERRY1315'],
  migrate: [],
  rollback: [],
  resync: ['FERRY1309', 'FERRY1333'],
  'accept-gap': ['FERRY1351'],
}
