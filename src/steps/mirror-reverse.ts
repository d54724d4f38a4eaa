import type { TopicName } from '../domain/ids.ts'
import { placesOf } from '../domain/state-places.ts'
import type { MirrorReverse } from '../domain/step.ts'
import { counted, humanBytes } from './_words.ts'
import { copyUntil } from './copy-until.ts'
import { reversed } from './reversed.ts'
import type { PlanContext, StepKind } from './step-kind.ts'

/** Copies what producers have written to the target since the seal back to the source, until nothing is left. */
export const mirrorReverse: StepKind<MirrorReverse> = {
  kind: 'mirror-reverse',
  interruptible: true,

  plan: () => ({ steps: [] }),

  gates: () => [],

  apply: async (step, run) => {
    // It is planned behind a seal where the target has grown since, or where the rollback cannot end: mirrors follow again once the seal is gone.
    const isOther = (seal: { readonly topic: string }) => seal.topic !== step.topic
    if (!run.state().reverse.seals.every(isOther)) {
      await run.decide(({ reverse, ...state }) => ({
        ...state,
        reverse: { ...reverse, seals: reverse.seals.filter(isOther) },
      }))
    }
    return copyUntil(step.topic, 0, reversed(run))
  },

  describe: (step) => ({
    symbol: '>',
    noun: 'mirror back',
    name: step.topic,
    says:
      step.records === '0'
        ? 'target to source, nothing to copy now'
        : `target to source, ${counted(BigInt(step.records), 'offset')} since the seal` +
          (step.throttle ? ` at ${humanBytes(step.throttle)}/s` : ''),
  }),
}

/**
 * Takes the seal of a way back away in a plan that goes forwards. The mirror that follows again looks at what stands on the source behind it, and stops
 * where that is not its own.
 */
export const reopenReverseStep = (
  { state, desired }: PlanContext,
  topic: TopicName,
): MirrorReverse => ({
  kind: 'mirror-reverse',
  id: `mirror-reverse/${topic}`,
  stage: 'producers-moved',
  reason:
    'the rollback cannot end: its seal on the source is opened, and the service goes on on the target',
  undo: { cost: 'free', says: 'free: a rollback seals it again' },
  topic,
  partitions: placesOf(state).sealedTopics.get(topic)?.length ?? 0,
  records: '0',
  throttle: desired.mirror.throttle ?? null,
  givesUpRollback: true,
})
