import type { Plan } from '../../domain/plan.ts'
import type { Step } from '../../domain/step.ts'
import type { WhatIsNow } from '../what-is-now.ts'

/** What is judged: a saved plan, what is now, and which of its steps were begun. */
export interface Given {
  readonly saved: Plan
  readonly now: WhatIsNow
  /** Those that were begun, in the plan's order. */
  readonly steps: readonly Step[]
  readonly isDone: (step: Step) => boolean
  readonly facts: ReadonlyMap<string, Readonly<Record<string, unknown>>>
}

/** Parts of the fingerprint that own steps have changed or were about to, and whether each is what those steps make of it. */
export type Judged = readonly (readonly [part: string, isOwn: boolean])[]
