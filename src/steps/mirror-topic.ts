import { setTimeout as delay } from 'node:timers/promises'
import { diagnostic } from '../domain/diagnostic.ts'
import { stageRank } from '../domain/stage.ts'
import type { MirrorTopic } from '../domain/step.ts'
import { counted, humanBytes, humanSeconds } from './_words.ts'
import { mirrorObjects } from './gates.ts'
import { lagOf, type PartitionNow, partitionsNow } from './partitions-now.ts'
import type { Run, StepKind } from './step-kind.ts'

/** How often the brokers are asked how far the copy is. */
const POLL_MS = 500

/** Copies a marked topic until its lag to the source's high watermark is within what the file allows. */
export const mirrorTopic: StepKind<MirrorTopic> = {
  kind: 'mirror-topic',
  interruptible: true,

  plan: ({ desired, observed, state }, stage) => {
    if (stage !== 'mirrored') return { steps: [] }
    const reached = stageRank(state.stage, desired.order) >= stageRank('mirrored', desired.order)
    const steps = desired.topics.flatMap((spec): MirrorTopic[] => {
      const source = observed.source.topics.get(spec.name)
      if (!source || reached) return []
      const records = source.partitions.reduce((sum, p) => {
        const mark = state.marks.find((m) => m.topic === spec.name && m.partition === p.partition)
        const target = observed.target.topics.get(spec.name)?.partitions[p.partition]
        const from =
          mark && target ? mark.sourceStart + (target.highWatermark - mark.targetStart) : p.logStart
        return p.highWatermark > from ? sum + p.highWatermark - from : sum
      }, 0n)
      const recordBytes = Math.max(0, ...source.partitions.map((p) => p.sample?.recordBytes ?? 0))
      return [
        {
          kind: 'mirror-topic',
          id: `mirror-topic/${spec.name}`,
          stage,
          reason: 'the target must hold what the source holds before anybody moves',
          undo: { cost: 'free', says: 'free' },
          topic: spec.name,
          partitions: source.partitions.length,
          records: String(records),
          bytesEstimate: Math.round(Number(records) * recordBytes),
          lagAllowed: desired.gates.mirrorLag,
          throttle: desired.mirror.throttle ?? null,
        },
      ]
    })
    return { steps }
  },

  gates: () => [],

  apply: async (step, run) => {
    await run.mirror()
    const meter = rateMeter(run)
    let lastMove = run.now().getTime()
    for (;;) {
      const now = await partitionsNow(run, [step.topic])
      const stopped = [...now.values()].find((p) => p.problem)
      if (stopped?.problem) return { done: false, problem: stopped.problem }
      const lag = total(now)
      const objection = await mirrorObjects(run, [step.topic])
      if (lag <= BigInt(step.lagAllowed) && !objection)
        return { done: true, facts: { lag: Number(lag) } }
      const { perSecond, moved } = meter(now)
      const time = run.now().getTime()
      if (moved) lastMove = time
      const waiting = (await run.mirror())
        .reports()
        .find((r) => r.topic === step.topic && r.waitsFor)
      if (time - lastMove > run.gateTimeoutMs) {
        return {
          done: false,
          problem: diagnostic({
            code: 'FERRY1502',
            detail: `Nothing of ${step.topic} was copied for ${humanSeconds((time - lastMove) / 1000)}; ${counted(lag, 'record')} to go.${waiting?.waitsFor ? ` The mirror waits for ${waiting.waitsFor}.` : ''}`,
            fix: 'Look at the log for what the mirror waits for, then run apply again: it goes on where it stopped.',
          }),
        }
      }
      const eta = perSecond > 0 ? `, ${humanSeconds(Number(lag) / perSecond)} to go` : ''
      run.report(
        `mirrors ${step.topic}: ${counted(lag, 'record')} left` +
          (perSecond > 0
            ? `, ${Math.round(perSecond).toLocaleString('en-US')} records/s${eta}`
            : '') +
          (waiting?.waitsFor ? ` (waits for ${waiting.waitsFor})` : ''),
      )
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

const about = (seconds: number): string =>
  seconds < 1 ? humanSeconds(seconds) : `about ${humanSeconds(seconds)}`

/** Bytes per second, for the estimate in a plan: well below what was measured, since brokers have other work. */
const ASSUMED_RATE = 80 * 1024 * 1024

const total = (now: ReadonlyMap<string, PartitionNow>): bigint =>
  [...now.values()].reduce((sum, p) => {
    const lag = lagOf(p)
    return lag > 0n ? sum + lag : sum
  }, 0n)

/** Records per second over the last stretch of ten seconds or so. */
const rateMeter = (run: Run) => {
  const points: { readonly at: number; readonly mirrored: number }[] = []
  return (
    now: ReadonlyMap<string, PartitionNow>,
  ): { readonly perSecond: number; readonly moved: boolean } => {
    const mirrored = [...now.values()].reduce(
      (sum, p) => sum + Number(p.index.mirroredTo - p.mark.sourceStart),
      0,
    )
    const before = points.at(-1)
    points.push({ at: run.now().getTime(), mirrored })
    if (points.length > 20) points.shift()
    const first = points[0]!
    const last = points.at(-1)!
    const seconds = (last.at - first.at) / 1000
    return {
      // A shorter stretch says more about how the mirror starts than about when it ends.
      perSecond: seconds >= 2 ? (last.mirrored - first.mirrored) / seconds : 0,
      moved: before === undefined || mirrored !== before.mirrored,
    }
  }
}
