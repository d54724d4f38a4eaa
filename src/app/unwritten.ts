import type { Drifted } from '../domain/drift.ts'
import type { Plan } from '../domain/plan.ts'
import type { MigrationState } from '../domain/state.ts'

/** What a plan without steps has to write down: what is recorded is not yet, or no longer, what is. */
export interface Unwritten {
  /** The stage that it comes to is not the one that is recorded: a run was killed in between, or no step leads there. */
  readonly stage: boolean
  /** A run was killed before its end was recorded, or that cannot be compared with. */
  readonly end: boolean
  /** What changed outside and is taken as it is. */
  readonly drift: readonly Drifted[]
}

/** Of a plan without steps; undefined: nothing is to be written. `drift` is undefined where there is nothing to compare with. Pure. */
export const unwrittenOf = (
  { from, to }: Pick<Plan, 'from' | 'to'>,
  { clusters, plan }: Pick<MigrationState, 'clusters' | 'plan'>,
  drift: readonly Drifted[] | undefined,
): Unwritten | undefined => {
  const stage = from !== to
  // Of one that was never applied nothing is missing.
  const end = plan?.status === 'open' || (clusters !== null && drift === undefined)
  return stage || end || (drift ?? []).length > 0 ? { stage, end, drift: drift ?? [] } : undefined
}

/**
 * Whether that is done at all, and whether somebody must agree. That a killed run has ended is for nobody to decide. What changed outside is
 * for `ferry drift` to tell where nobody can agree to it: with nothing else to do, apply does nothing.
 */
export const consentTo = (
  { stage, end, drift }: Unwritten,
  canAgree: boolean,
): 'asked' | 'unasked' | 'left' => {
  if (stage || (drift.length > 0 && (end || canAgree))) return 'asked'
  return end ? 'unasked' : 'left'
}
