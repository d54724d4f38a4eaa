import { RATES } from '../../domain/quota-before.ts'
import type { Step } from '../../domain/step.ts'
import type { Given, Judged } from './given.ts'

/** Of a rate that no step names nothing is said beside one that was changed: it is nobody's here. */
export const quotaParts = ({ now, steps, isDone }: Given): Judged =>
  now.desired.quotas.flatMap(({ user }): Judged => {
    const is = now.observed.target.quotas.get(user)
    const judged = RATES.flatMap((rate) => {
      const step = steps.findLast((each) => rateSetBy(each, user, rate) !== undefined)
      if (step === undefined) return []
      return [!isDone(step) || (is?.[rate] ?? null) === rateSetBy(step, user, rate)]
    })
    return judged.length === 0 ? [] : [[`quota of ${user} on the target`, judged.every(Boolean)]]
  })

/** Null: none. Undefined: the step leaves this rate alone. */
const rateSetBy = (
  step: Step,
  user: string,
  rate: (typeof RATES)[number],
): number | null | undefined => {
  if (step.kind === 'set-quota' && step.user === user) return step[rate] ?? undefined
  if (step.kind === 'restore-quota' && step.user === user) return step[rate]
  const isRemoved =
    step.kind === 'remove-object' &&
    step.on === 'target' &&
    step.object.kind === 'quota' &&
    step.object.user === user
  return isRemoved ? null : undefined
}
