import type { Step } from '../domain/step.ts'
import type { StepDescription } from '../steps/step-kind.ts'

/** What a view must know of the kinds of steps. */
export interface StepWords {
  describe(step: Step): StepDescription
  /** Titles of the facts that must hold before the step. */
  gates(step: Step): readonly string[]
}
