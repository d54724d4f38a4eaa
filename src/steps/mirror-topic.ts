import { setTimeout as delay } from 'node:timers/promises'
import { type CopyLook, copyMeter } from '../domain/copy-progress.ts'
import { diagnostic } from '../domain/diagnostic.ts'
import { partitionKey } from '../domain/ids.ts'
import type { TopicSpec } from '../domain/migration.ts'
import { rankOf } from '../domain/offset-index.ts'
import { stageRank } from '../domain/stage.ts'
import { placesOf } from '../domain/state-places.ts'
import type { MirrorTopic } from '../domain/step.ts'
import { copyLooks } from '../mirror/copy-looks.ts'
import type { ObservedTopic } from '../planner/observed.ts'
import { counted, humanBytes, humanSeconds } from './_words.ts'
import { mirrorObjects } from './gates/index.ts'
import { lagOf, type PartitionNow, partitionsNow } from './partitions-now.ts'
import type { PlanContext, StepKind } from './step-kind.ts'

/** How often the brokers are asked how far the copy is. */
const POLL_MS = 500

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
      const isMarked = placesOf(state).markedTopics.has(spec.name)
      if (!source || (reached && isMarked)) return []
      return [mirrorStep(context, spec, source, false)]
    })
    return { steps }
  },

  gates: () => [],

  apply: async (step, run) => {
    const mirror = await run.mirror()
    const meter = copyMeter()
    let lastMove = run.now().getTime()
    let copied = -1
    let ends: Ends | undefined
    for (;;) {
      const now = await partitionsNow(run, [step.topic])
      const stopped = [...now.values()].find((p) => p.problem)
      if (stopped?.problem) return { done: false, problem: stopped.problem }
      const lag = total(now)
      const isNear = lag <= BigInt(step.lagAllowed) || behind(now, ends) <= BigInt(step.lagAllowed)
      ends = new Map([...now].map(([key, p]) => [key, p.sourceEnd]))
      const objection = await mirrorObjects(run, [step.topic])
      if (isNear && !objection) return { done: true, facts: { lag: Number(lag) } }
      const reports = mirror.reports()
      const looks = looksOf(step.topic, now, copyLooks(reports))
      const time = run.now().getTime()
      if (looks[0].records !== copied) lastMove = time
      copied = looks[0].records
      const waitsFor = reports.find((r) => r.topic === step.topic && r.waitsFor)?.waitsFor ?? null
      if (time - lastMove > run.gateTimeoutMs) {
        return {
          done: false,
          problem: diagnostic({
            code: 'FERRY1502',
            detail: `Nothing of ${step.topic} was copied for ${humanSeconds((time - lastMove) / 1000)}; ${counted(lag, 'record')} to go.${waitsFor ? ` The mirror waits for ${waitsFor}.` : ''}`,
            fix: 'Look at the log for what the mirror waits for, then run apply again: it goes on where it stopped.',
          }),
        }
      }
      run.report({ kind: 'copying', topics: meter(looks, run.now()), waitsFor })
      await delay(POLL_MS, undefined, { signal: run.signal })
    }
  },

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

const total = (now: ReadonlyMap<string, PartitionNow>): bigint =>
  [...now.values()].reduce((sum, p) => {
    const lag = lagOf(p)
    return lag > 0n ? sum + lag : sum
  }, 0n)

/** Log ends of the source, as a look saw them. */
type Ends = ReadonlyMap<string, bigint>

/**
 * What is still to be copied of what the source held at the look before: while producers write without a pause, the copy is never at the
 * very end.
 */
const behind = (now: ReadonlyMap<string, PartitionNow>, ends: Ends | undefined): bigint =>
  [...now].reduce((sum, [key, p]) => {
    const lag = (ends?.get(key) ?? p.sourceEnd) - p.index.mirroredTo
    return lag > 0n ? sum + lag : sum
  }, 0n)

/** The step's own topic first, as the brokers tell it whoever copies; the others as the mirror of this process knows them. */
const looksOf = (
  topic: MirrorTopic['topic'],
  now: ReadonlyMap<string, PartitionNow>,
  ofMirror: readonly CopyLook[],
): readonly [CopyLook, ...CopyLook[]] => {
  const records = [...now.values()].reduce(
    (sum, p) => sum + Number(rankOf(p.index, p.index.mirroredTo)),
    0,
  )
  const bytes = ofMirror.find((look) => look.topic === topic)?.bytes ?? null
  const others = ofMirror.filter((look) => look.topic !== topic)
  return [{ topic, records, bytes, left: Number(total(now)) }, ...others]
}
