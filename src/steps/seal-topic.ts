import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { PartitionKey } from '../domain/ids.ts'
import type { Seal } from '../domain/mark.ts'
import type { MigrationState } from '../domain/state.ts'
import { placesOf } from '../domain/state-places.ts'
import type { SealTopic } from '../domain/step.ts'
import type { Observed } from '../planner/observed.ts'
import { counted, humanDuration } from './_words.ts'
import { sourceIsDrained } from './gates/index.ts'
import { lagOf, type PartitionNow, partitionsNow } from './partitions-now.ts'
import { lateRecords } from './reopen-topic.ts'
import type { StepKind } from './step-kind.ts'

/** Ends the mirroring of a topic once its producers are gone and all of it was copied. */
export const sealTopic: StepKind<SealTopic> = {
  kind: 'seal-topic',

  plan: ({ desired, observed, state }, stage) => {
    if (stage !== 'producers-moved') return { steps: [] }
    const steps = desired.topics.flatMap((spec): SealTopic[] => {
      const partitions = observed.source.topics.get(spec.name)?.partitions.length ?? 0
      const sealed = placesOf(state).sealedTopics.get(spec.name)?.length ?? 0
      const late = lateRecords(spec.name, observed, state, desired.order)
      if (partitions === 0 || (sealed === partitions && late === 0n)) return []
      return [
        {
          kind: 'seal-topic',
          id: `seal-topic/${spec.name}`,
          stage,
          reason: 'producers may write to the target only when nothing is left to copy',
          undo: { cost: 'free', says: 'open it again' },
          topic: spec.name,
          partitions,
          quietMs: desired.gates.sourceQuietMs,
        },
      ]
    })
    return { steps }
  },

  undo: ({ state, observed }, { stage, leadsTo }) => {
    if (stage !== 'producers-moved') return { steps: [] }
    const topics = [...new Set(state.seals.map((seal) => seal.topic))].sort()
    return {
      steps: topics.map((topic) => ({
        kind: 'reopen-topic',
        id: `reopen-topic/${topic}`,
        stage: leadsTo,
        reason: 'producers stay on the source: mirroring goes on',
        undo: { cost: 'free', says: 'seal it again' },
        topic,
        late: '0',
      })),
      problems: onlyOnTarget(state, observed),
    }
  },

  gates: (step) => [sourceIsDrained(step.topic, step.quietMs)],

  apply: async (step, run) => {
    const now = await partitionsNow(run, [step.topic])
    const unfit = [...now.values()].find(
      (p) => lagOf(p) !== 0n || p.problem || p.sourceStable !== p.sourceEnd,
    )
    if (unfit || now.size !== step.partitions) {
      return {
        done: false,
        problem: diagnostic({
          code: 'FERRY1704',
          summary: 'Source moved again',
          detail: unfit
            ? `${unfit.key} has grown to ${unfit.sourceEnd} on ${run.clusters.source.name} in the moment of the seal; mirrored is up to ${unfit.index.mirroredTo}.`
            : `${step.topic} has ${now.size} marked partitions, not ${step.partitions}.`,
          fix: 'Stop its producers and run apply again.',
        }),
      }
    }
    const at = run.now().toISOString()
    const seals = [...now.values()].map((p): Seal => sealOf(p, at))
    await run.decide((state) => ({
      ...state,
      seals: [...state.seals.filter((s) => s.topic !== step.topic), ...seals],
    }))
    return {
      done: true,
      facts: {
        ends: Object.fromEntries(
          [...now].map(([key, p]: [PartitionKey, PartitionNow]) => [key, String(p.sourceEnd)]),
        ),
      },
    }
  },

  describe: (step) => ({
    symbol: '!',
    noun: 'seal',
    name: step.topic,
    says: `${counted(step.partitions, 'partition')}, when the source was quiet for ${humanDuration(step.quietMs)} and all of it is mirrored`,
  }),
}

const sealOf = (p: PartitionNow, at: string): Seal => ({
  topic: p.mark.topic,
  partition: p.mark.partition,
  sourceEnd: p.index.mirroredTo,
  targetEnd: p.targetEnd as Seal['targetEnd'],
  at,
})

/** What producers have written to the target since the seals, range by range: going back would lose it. */
const onlyOnTarget = (state: MigrationState, { source, target }: Observed): readonly Diagnostic[] =>
  state.seals.flatMap((seal) => {
    const end = target.topics
      .get(seal.topic)
      ?.partitions.find((p) => p.partition === seal.partition)?.highWatermark
    if (end === undefined || end <= seal.targetEnd) return []
    return [
      diagnostic({
        code: 'FERRY1330',
        detail: `${seal.topic}:${seal.partition}: offsets ${seal.targetEnd} to ${end - 1n} (${counted(end - seal.targetEnd, 'offset')}) are only on ${target.name}. ${source.name} ends at ${seal.sourceEnd} there.`,
        fix: `Stay on ${target.name}. What was applied before the seal can no longer be taken back.`,
      }),
    ]
  })
