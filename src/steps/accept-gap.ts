import { setTimeout as delay } from 'node:timers/promises'
import {
  type AcceptedGap,
  acceptCommand,
  type NamedRange,
  rangeName,
} from '../domain/accepted-gap.ts'
import { canonicalLine } from '../domain/canonical-json.ts'
import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { partitionKey, type SourceOffset } from '../domain/ids.ts'
import type { AcceptGap } from '../domain/step.ts'
import { counted, humanSeconds } from './_words.ts'
import { acceptedAs, gapStep, markOf } from './gap-step.ts'
import { readStops } from './read-stops.ts'
import type { Run, StepKind } from './step-kind.ts'

/** How often the progress is looked at while the mirror goes over the gap. */
const POLL_MS = 250
/** Control markers that a broker takes in a second, well below what was measured. */
const MARKERS_PER_SECOND = 10_000

/** Goes on behind a range of the source that cannot be mirrored, without it. */
export const acceptGap: StepKind<AcceptGap> = {
  kind: 'accept-gap',
  interruptible: true,

  plan: () => ({ steps: [] }),

  gates: () => [],

  /**
   * 1. See that the partition still stands there, for the reason and with the groups that the plan has shown.
   * 2. Write the decision: every mirror that follows the migration picks it up.
   * 3. Wait until the mirror is behind the gap.
   */
  apply: async (step, run) => {
    const range = rangeOf(step)
    const key = partitionKey(step.topic, step.partition)
    const stood = (await run.store.readProgress(run.migration.name)).get(key)?.problem ?? null
    if (acceptedAs(run.state(), range) === undefined) {
      const problem = await decide(step, range, run)
      if (problem) return { done: false, problem }
    }
    return { ...(await untilBehind(range, stood, run)) }
  },

  describe: (step) => {
    const range = rangeOf(step)
    return {
      symbol: '!',
      noun: 'gap',
      name: partitionKey(step.topic, step.partition),
      says: [
        `go on without source offsets ${range.from} to ${range.to - 1n} (${counted(range.to - range.from, 'offset')}; ${WHY[step.code] ?? step.code})`,
        offsetsInWords(step),
        ...step.losing.map(
          ({ group, side, offsets }) =>
            `${group} (on the ${side}) has not read ${offsets} of them, and will not`,
        ),
      ].join('; '),
    }
  },
}

/** Why a partition stops where a gap may be accepted, in a few words. */
const WHY: Partial<Record<AcceptGap['code'], string>> = {
  FERRY1601: 'they cannot be carried',
  FERRY1602: 'gone from the source before they were copied',
  FERRY1605: 'lost on the target, and gone from the source',
  FERRY1612: 'damaged on the source',
}

const offsetsInWords = ({ offsets, from, to }: AcceptGap): string => {
  const count = BigInt(to) - BigInt(from)
  switch (offsets) {
    case 'dense':
      return 'offsets stay dense'
    case 'padded':
      return `offsets stay identical: ${counted(count, 'control marker')}, ${humanSeconds(Number(count) / MARKERS_PER_SECOND)}`
    case 'diverged':
      return `offsets stop to be identical: too many to pad, so that what is behind stands ${count.toLocaleString('en-US')} lower on the target; the offset index maps it, and positions outside of Kafka do not fit any more`
  }
}

const rangeOf = ({ topic, partition, from, to }: AcceptGap): NamedRange => ({
  topic,
  partition,
  from: BigInt(from) as SourceOffset,
  to: BigInt(to) as SourceOffset,
})

const decide = async (
  step: AcceptGap,
  range: NamedRange,
  run: Run,
): Promise<Diagnostic | undefined> => {
  const key = partitionKey(step.topic, step.partition)
  const state = run.state()
  const progress = await run.store.readProgress(run.migration.name)
  const stops = await readStops(run.clusters, { state, progress }, [key])
  const now = gapStep({ migration: run.migration.name, state, progress, stops }, range)
  if ('problem' in now) return now.problem
  if (now.step === undefined || canonicalLine(now.step) !== canonicalLine(step)) {
    return diagnostic({
      code: 'FERRY1351',
      detail: `${rangeName(range)}: since the plan was shown, this changed: who has not read it, or how the offsets go on.`,
      fix: `Look at it again: \`${acceptCommand(run.migration.name, range)}\`.`,
    })
  }
  const mark = markOf(state, range)!
  const gap: AcceptedGap = {
    ...range,
    producerId: mark.producerId,
    code: step.code,
    offsets: step.offsets,
    losing: step.losing,
    at: run.now().toISOString(),
  }
  await run.decide((s) => ({ ...s, acceptedGaps: [...s.acceptedGaps, gap] }))
  return undefined
}

/** The mirror of this process takes part, so that it goes on also where no other runs. */
const untilBehind = async (
  range: NamedRange,
  stood: Diagnostic | null,
  run: Run,
): Promise<
  | { readonly done: true; readonly facts: Readonly<Record<string, unknown>> }
  | { readonly done: false; readonly problem: Diagnostic }
> => {
  const key = partitionKey(range.topic, range.partition)
  const { producerId, offsets, losing } = acceptedAs(run.state(), range)!
  await run.mirror()
  let reached = -1n
  let lastMove = run.now().getTime()
  for (;;) {
    const stored = (await run.store.readProgress(run.migration.name)).get(key)
    const ours = stored?.producerId === producerId ? stored : undefined
    const mirroredTo = ours?.mirroredTo ?? 0n
    if (mirroredTo >= range.to)
      return { done: true, facts: { gap: rangeName(range), offsets, losing } }
    const isAnother = ours?.problem != null && ours.problem.detail !== stood?.detail
    if (isAnother) return { done: false, problem: ours.problem }
    const time = run.now().getTime()
    if (mirroredTo !== reached) lastMove = time
    reached = mirroredTo
    if (time - lastMove > run.gateTimeoutMs) {
      return {
        done: false,
        problem: diagnostic({
          code: 'FERRY1502',
          detail: `${key}: the gap is accepted, and the mirror is not behind it after ${humanSeconds((time - lastMove) / 1000)}.`,
          fix: `Look at the log for what the mirror waits for, then run it again: it goes on where it stopped.`,
        }),
      }
    }
    run.report(
      `${key}: waiting for the mirror to be behind the gap, ${range.to - mirroredTo} offsets to go`,
    )
    await delay(POLL_MS, undefined, { signal: run.signal })
  }
}
