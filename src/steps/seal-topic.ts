import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { Seal } from '../domain/mark.ts'
import { expectedTargetEnd } from '../domain/offset-index.ts'
import { placesOf } from '../domain/state-places.ts'
import type { SealTopic } from '../domain/step.ts'
import { willForget, willForgetAfter } from '../planner/forgetting.ts'
import { addedGuards, closedWayBack, hasWayBack } from '../planner/guards/reverse.ts'
import { counted, humanDuration } from './_words.ts'
import { sourceIsDrained } from './gates/index.ts'
import { lateRecords } from './late-records.ts'
import { lagOf, type PartitionNow, partitionsNow } from './partitions-now.ts'
import { sealUnderLock } from './seal-under-lock.ts'
import type { PlanContext, Run, StepKind } from './step-kind.ts'
import { wayBack, writtenOnTarget } from './way-back.ts'
import { withdrawnInWords } from './withdraw-salvages.ts'

/** Ends the mirroring of a topic once its producers are gone and all of it was copied. */
export const sealTopic: StepKind<SealTopic> = {
  kind: 'seal-topic',

  plan: (context, stage) => {
    const { desired, observed, state } = context
    if (stage !== 'producers-moved') return { steps: [] }
    const problems: Diagnostic[] = []
    const steps = desired.topics.flatMap((spec): SealTopic[] => {
      const source = observed.source.topics.get(spec.name)
      const partitions = source?.partitions.length ?? 0
      const sealed = placesOf(state).sealedTopics.get(spec.name)?.length ?? 0
      const late = lateRecords(spec.name, observed, state, desired.order)
      if (!source || partitions === 0 || (sealed === partitions && late === 0n)) return []
      const forgetsAfterMs = willForgetAfter(context, spec, source)
      if (forgetsAfterMs !== undefined) problems.push(willForget(context, spec, forgetsAfterMs))
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
          ...(!hasWayBack(context, spec.name) && { noWayBack: true as const }),
          ...(forgetsAfterMs !== undefined && { forgetsAfterMs }),
        },
      ]
    })
    return { steps, problems }
  },

  undo: (context, undoing) => {
    const { state } = context
    const { stage, leadsTo } = undoing
    if (stage !== 'producers-moved') return { steps: [] }
    const added = addedGuards(context)
    if (undoing.mirrorsBack) {
      const { steps, problems } = wayBack(context, leadsTo)
      return { steps, problems: [...added, ...problems] }
    }
    const topics = [...new Set(state.seals.map((seal) => seal.topic))].sort()
    return {
      steps: topics.map((topic) => ({
        kind: 'reopen-topic',
        id: `reopen-topic/${topic}`,
        stage: leadsTo,
        reason: `producers stay on the source: mirroring goes on${withdrawnInWords(state, topic)}`,
        undo: { cost: 'free', says: 'seal it again' },
        topic,
        late: '0',
      })),
      problems: [...added, ...onlyOnTarget(context)],
    }
  },

  gates: (step) => [sourceIsDrained(step.topic, step.quietMs)],

  interruptible: true,

  apply: async (step, run) => {
    const found = await sealsNow(step, run)
    if (!('seals' in found)) return { done: false, ...found }
    const stopped = await sealUnderLock({
      topic: step.topic,
      seals: found.seals,
      view: run,
      decide: (change) => run.decide((state) => ({ ...state, ...change(state) })),
    })
    return stopped ?? { done: true, facts: found.facts }
  },

  describe: (step) => ({
    symbol: '!',
    noun: 'seal',
    name: step.topic,
    says: `${counted(step.partitions, 'partition')}, when the source was quiet for ${humanDuration(step.quietMs)} and all of it is mirrored`,
  }),
}

/** The ends of a topic's partitions now, if all of it is mirrored; `again`: that has yet to be proved. */
export const sealsNow = async (
  step: Pick<SealTopic, 'topic' | 'partitions'>,
  run: Run,
): Promise<
  | { readonly seals: readonly Seal[]; readonly facts: Readonly<Record<string, unknown>> }
  | { readonly problem: Diagnostic }
  | { readonly again: string }
> => {
  const now = await partitionsNow(run, [step.topic])
  const unfit = [...now.values()].find(
    (p) => lagOf(p) !== 0n || p.problem || p.sourceStable !== p.sourceEnd,
  )
  if (unfit || now.size !== step.partitions) {
    return {
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
  const unproved = unprovedAmong([...now.values()])
  if (unproved !== undefined) return { again: unproved }
  const at = run.now().toISOString()
  const ends = [...now].map(([key, p]) => [key, String(p.sourceEnd)] as const)
  return {
    seals: [...now.values()].map((p): Seal => sealOf(p, at)),
    facts: { ends: Object.fromEntries(ends) },
  }
}

/**
 * What keeps a topic whose ends fit from being sealed: a record of the source that came in this very moment and one that somebody else wrote
 * to the target look like a copy together, until the mirror says what it has checked. Pure.
 */
export const unprovedAmong = (
  partitions: readonly Pick<PartitionNow, 'key' | 'proven' | 'sourceEnd' | 'targetEnd'>[],
): string | undefined => {
  for (const { key, proven, sourceEnd, targetEnd } of partitions) {
    if (proven.mirroredTo !== sourceEnd) {
      return `${key} has moved to ${sourceEnd} in the moment of the seal, and is checked up to ${proven.mirroredTo}: it is not sealed yet`
    }
    const expected = expectedTargetEnd(proven)
    if (targetEnd === expected) continue
    return `${key} ends at ${targetEnd} where it is copied to, and its copy at ${expected}: it is not sealed yet`
  }
  return undefined
}

const sealOf = (p: PartitionNow, at: string): Seal => ({
  topic: p.mark.topic,
  partition: p.mark.partition,
  sourceEnd: p.proven.mirroredTo,
  targetEnd: p.targetEnd as Seal['targetEnd'],
  at,
})

/** What producers have written to the target since the seals, range by range: going back would lose it. */
const onlyOnTarget = (context: PlanContext): readonly Diagnostic[] => {
  const { state, observed, desired } = context
  const closed = closedWayBack(context)
  return writtenOnTarget(state, observed).map(({ seal, end }) =>
    diagnostic({
      code: 'FERRY1330',
      detail: `${seal.topic}:${seal.partition}: offsets ${seal.targetEnd} to ${end - 1n} (${counted(end - seal.targetEnd, 'offset')}) were written to ${observed.target.name} since the seal. Going back to this stage would keep a copy there that they are no part of.`,
      fix: closed
        ? `Stay on ${observed.target.name}: a rollback further back is refused, too (${closed.code}). ${closed.detail}`
        : `Go back further: \`ferry rollback ${desired.name} --to prepared\` mirrors them back to ${observed.source.name} first, returns the groups, and gives up the copy on ${observed.target.name}.`,
    }),
  )
}
