import type { Step } from './step.ts'

/** What a step does that must be meant, each more than a step that can be taken back. */
export type Grave = 'one-way' | 'gives-up-rollback'

/**
 * Whether a step runs only if its migration was named for it (`--confirm NAME`, or typed), and why; undefined: approval of the plan is enough. A
 * seal on the source says that services may have started there: what opens it forwards can be taken back, but what they wrote meanwhile is late then.
 */
export const wantsConfirmation = (step: Step): Grave | undefined => {
  if (step.undo.cost === 'impossible') return 'one-way'
  return step.kind === 'mirror-reverse' && step.givesUpRollback ? 'gives-up-rollback' : undefined
}
