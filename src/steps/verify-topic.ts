import { setTimeout as delay } from 'node:timers/promises'
import { diagnostic } from '../domain/diagnostic.ts'
import { durableAfter } from '../domain/durable-starts.ts'
import type { TopicName } from '../domain/ids.ts'
import { hidesBelow } from '../domain/mark.ts'
import type { TopicSpec } from '../domain/migration.ts'
import { stageRank } from '../domain/stage.ts'
import { placesOf } from '../domain/state-places.ts'
import type { MarkTopic, VerifyTopic } from '../domain/step.ts'
import { isGrowing } from '../planner/grown.ts'
import type { ObservedTopic } from '../planner/observed.ts'
import { type VerifyOptions, verifyMigration } from '../verify/index.ts'
import { counted } from './_words.ts'
import { belowMarkIsHidden, logStartsAreDurable } from './gates/index.ts'
import { unread, waits } from './gates/reading.ts'
import { markTopic } from './mark-topic.ts'
import type { Gate, Outcome, Run, StepKind } from './step-kind.ts'

/** Records that the stage mirrored compares in each partition; `ferry verify --full` compares all. */
export const SAMPLE = 100

/**
 * Compares counts and a sample of records through the offset index before anybody relies on the copy, once nothing can come back below it: no
 * stage is reached before.
 */
export const verifyTopic: StepKind<VerifyTopic> = {
  kind: 'verify-topic',
  interruptible: true,

  plan: (context, stage) => {
    const { desired, observed, state } = context
    if (stage !== 'mirrored') return { steps: [] }
    const reached = stageRank(state.stage, desired.order) >= stageRank('mirrored', desired.order)
    const open = desired.topics.filter(
      (spec) =>
        !reached || !placesOf(state).markedTopics.has(spec.name) || isGrowing(context, spec.name),
    )
    const marking = new Map(markTopic.plan(context, stage).steps.map((step) => [step.topic, step]))
    const durableMs = durableAfter(observed.target.brokerConfigs).ms
    return {
      steps: open.map((spec) => {
        const isHiding =
          state.marks.some((mark) => mark.topic === spec.name && hidesBelow(mark)) ||
          willHide(marking.get(spec.name), observed.target.topics.get(spec.name))
        return verifyStep(spec, isHiding ? durableMs : 0)
      }),
    }
  },

  gates: ({ topic, durableAfterMs = 0 }) =>
    durableAfterMs === null
      ? []
      : [logStartsAreDurable({ topic, afterMs: durableAfterMs }, durableAfterMs > 0)],

  apply: ({ topic, sample }, run) =>
    onceHidden(
      () => verifyNow(topic, { kind: 'sample', records: sample }, run),
      belowMarkIsHidden([topic]),
      run,
    ),

  describe: (step) => ({
    symbol: '?',
    noun: 'verify',
    name: step.topic,
    says: `counts, and ${counted(step.sample, 'record')} of each partition`,
  }),
}

/** How often it is looked whether the mirror has deleted what came back. */
const LOOK_EVERY_MS = 500

/**
 * A copy below whose mark something can be read is not verified: a crash of the target's brokers may have brought it back since the copy was
 * made, by an earlier run perhaps, and then no mirror runs yet. The gate starts one, which deletes it again; then all is compared once more.
 */
export const onceHidden = async (verify: () => Promise<Outcome>, hidden: Gate, run: Run) => {
  const deadline = run.now().getTime() + run.gateTimeoutMs
  for (;;) {
    const outcome = await verify()
    if (!('problem' in outcome) || outcome.problem.code !== 'FERRY1814') return outcome
    for (;;) {
      const reading = await hidden.check(run).catch((error) => waits(unread(error)))
      if (reading.holds) break
      // Why it is not deleted was found since: that comes first now.
      if (!reading.worthWaiting) return verify()
      if (run.now().getTime() >= deadline) return outcome
      run.report({ kind: 'waiting', gates: [{ title: hidden.title, because: reading.because }] })
      await delay(LOOK_EVERY_MS, undefined, { signal: run.signal })
    }
  }
}

/** Compares one topic of both clusters of a run. */
export async function verifyNow(
  topic: TopicName,
  mode: VerifyOptions['mode'],
  run: Run,
): Promise<Outcome> {
  const topics = run.migration.topics.filter((t) => t.name === topic)
  const report = await verifyMigration({
    clusters: run.clusters,
    migration: { ...run.migration, topics, groups: [] },
    state: run.state(),
    progress: await run.store.readProgress(run.migration.name),
    mode,
    report: run.report,
    signal: run.signal,
  })
  const problem = report.topics
    .flatMap((t) => t.partitions.flatMap((p) => p.problems))
    .find(({ severity }) => severity === 'error')
  if (report.ok) {
    const compared = report.topics
      .flatMap((t) => t.partitions)
      .reduce((sum, p) => sum + p.compared, 0)
    return { done: true, facts: { compared } }
  }
  return {
    done: false,
    problem:
      problem ??
      diagnostic({
        code: 'FERRY1801',
        detail: `${topic} on ${run.clusters.target.name} is not what ${run.clusters.source.name} holds.`,
        fix: 'Run `ferry verify` to see where.',
      }),
  }
}

/** Whether something will lie below a mark that is still to be made: filler, or a copy that was emptied. */
export const willHide = (step: MarkTopic | undefined, target: ObservedTopic | undefined): boolean =>
  step !== undefined &&
  (step.mode === 'identical'
    ? step.prime !== '0'
    : (target?.partitions.some(({ highWatermark }) => highWatermark > 0n) ?? false))

/** The step that looks at the copy of one topic. `durableAfterMs`: see {@link VerifyTopic}. */
export const verifyStep = (spec: TopicSpec, durableAfterMs: number | null): VerifyTopic => ({
  kind: 'verify-topic',
  id: `verify-topic/${spec.name}`,
  stage: 'mirrored',
  reason: 'a copy is trusted after it was compared',
  undo: { cost: 'free', says: 'nothing to undo' },
  topic: spec.name,
  sample: SAMPLE,
  durableAfterMs,
})
