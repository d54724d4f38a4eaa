import { partitionKey } from '../domain/ids.ts'
import type { TopicSpec } from '../domain/migration.ts'
import { stageRank } from '../domain/stage.ts'
import { placesOf } from '../domain/state-places.ts'
import type { MirrorTopic } from '../domain/step.ts'
import { isGrowing } from '../planner/grown.ts'
import type { ObservedTopic } from '../planner/observed.ts'
import { counted, humanBytes, humanSeconds } from './_words.ts'
import { copyUntil } from './copy-until.ts'
import { whileLogStartsAreWatched } from './gates/index.ts'
import type { PlanContext, StepKind } from './step-kind.ts'

/** Copies a marked topic until its lag to the source's high watermark is within what the file allows. */
export const mirrorTopic: StepKind<MirrorTopic> = {
  kind: 'mirror-topic',
  interruptible: true,

  plan: (context, stage) => {
    if (stage !== 'mirrored') return { steps: [] }
    const { desired, observed, state } = context
    const reached = stageRank(state.stage, desired.order) >= stageRank('mirrored', desired.order)
    const steps = desired.topics.flatMap((spec): MirrorTopic[] => {
      const source = observed.source.topics.get(spec.name)
      // A mark that was taken back is made anew, whatever the stage.
      const isMarked = placesOf(state).markedTopics.has(spec.name) && !isGrowing(context, spec.name)
      if (!source || (reached && isMarked)) return []
      return [mirrorStep(context, spec, source, false)]
    })
    return { steps }
  },

  gates: () => [],

  apply: (step, run) =>
    whileLogStartsAreWatched(run, () => copyUntil(step.topic, step.lagAllowed, run)),

  describe: (step) => {
    const bytes = step.bytesEstimate
    const seconds = step.throttle ? bytes / step.throttle : bytes / ASSUMED_RATE
    return {
      symbol: '>',
      noun: 'mirror',
      name: step.topic,
      says:
        step.records === '0'
          ? 'nothing to copy now'
          : `${counted(BigInt(step.records), 'record')}, about ${humanBytes(bytes)}, ${about(seconds)}` +
            (step.throttle ? ` at ${humanBytes(step.throttle)}/s` : ''),
    }
  },
}

/** The step that copies one topic; `anew`: all of it, whatever the target holds now. */
export const mirrorStep = (
  { desired, observed, state }: PlanContext,
  spec: TopicSpec,
  source: ObservedTopic,
  anew: boolean,
): MirrorTopic => {
  const records = source.partitions.reduce((sum, p) => {
    const mark = placesOf(state).marks.get(partitionKey(spec.name, p.partition))
    const target = observed.target.topics.get(spec.name)?.partitions[p.partition]
    const from =
      mark && target && !anew
        ? mark.sourceStart + (target.highWatermark - mark.targetStart)
        : p.logStart
    return p.highWatermark > from ? sum + p.highWatermark - from : sum
  }, 0n)
  const recordBytes = Math.max(0, ...source.partitions.map((p) => p.sample?.recordBytes ?? 0))
  return {
    kind: 'mirror-topic',
    id: `mirror-topic/${spec.name}`,
    stage: 'mirrored',
    reason: 'the target must hold what the source holds before anybody moves',
    undo: { cost: 'free', says: 'free' },
    topic: spec.name,
    partitions: source.partitions.length,
    records: String(records),
    bytesEstimate: Math.round(Number(records) * recordBytes),
    lagAllowed: desired.gates.mirrorLag,
    throttle: desired.mirror.throttle ?? null,
  }
}

const about = (seconds: number): string =>
  seconds < 1 ? humanSeconds(seconds) : `about ${humanSeconds(seconds)}`

/** Bytes per second, for the estimate in a plan: well below what was measured, since brokers have other work. */
const ASSUMED_RATE = 80 * 1024 * 1024
