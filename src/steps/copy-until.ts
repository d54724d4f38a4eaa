import { setTimeout as delay } from 'node:timers/promises'
import { type CopyLook, copyMeter } from '../domain/copy-progress.ts'
import { diagnostic } from '../domain/diagnostic.ts'
import type { TopicName } from '../domain/ids.ts'
import { hidesBelow } from '../domain/mark.ts'
import { rankOf } from '../domain/offset-index.ts'
import { copyLooks } from '../mirror/copy-looks.ts'
import { counted, humanSeconds } from './_words.ts'
import {
  lagAmong,
  MIRROR_LAG,
  MIRROR_SOUND,
  openTransactions,
  reportsOf,
  TRANSACTIONS_ENDED,
} from './gates/index.ts'
import { type PartitionNow, partitionsNow } from './partitions-now.ts'
import type { Outcome, Run } from './step-kind.ts'

/** How often the brokers are asked how far the copy is. */
const POLL_MS = 500

/** Lets the run's mirror copy a marked topic until its lag to the high watermark is at most so many records. */
export const copyUntil = async (
  topic: TopicName,
  lagAllowed: number,
  run: Run,
): Promise<Outcome> => {
  const mirror = await run.mirror()
  const meter = copyMeter()
  let lastMove = run.now().getTime()
  let copied = -1
  let ends: Ends | undefined
  for (;;) {
    const now = await partitionsNow(run, [topic])
    const stopped = [...now.values()].find((p) => p.problem)
    if (stopped?.problem) return { done: false, problem: stopped.problem }
    const lag = lagAmong(now.values())
    const isNear =
      MIRROR_LAG.judge([...now.values()], { topic, allowed: lagAllowed }).holds ||
      behind(now, ends) <= BigInt(lagAllowed)
    ends = new Map([...now].map(([key, p]) => [key, p.sourceEnd]))
    const sound = MIRROR_SOUND.judge(
      { reports: await reportsOf(run, [topic], 'before'), now },
      null,
    )
    const readable = [...now.values()].find(readsBelowMark)
    if (isNear && sound.holds && !readable) return { done: true, facts: { lag: Number(lag) } }
    const reports = mirror.reports()
    const looks = looksOf(topic, now, copyLooks(reports))
    const time = run.now().getTime()
    if (looks[0].records !== copied) lastMove = time
    copied = looks[0].records
    const waitsFor =
      reports.find((r) => r.topic === topic && r.waitsFor)?.waitsFor ??
      (readable
        ? `what a crash has brought back below the mark of ${readable.key} to be deleted`
        : null)
    if (time - lastMove > run.gateTimeoutMs) {
      const open = await openAmong(topic, run, now)
      const why = open ?? (waitsFor === null ? undefined : `the mirror waits for ${waitsFor}`)
      return {
        done: false,
        problem: diagnostic({
          code: 'FERRY1502',
          detail: `Nothing of ${topic} was copied for ${humanSeconds((time - lastMove) / 1000)}; ${counted(lag, 'record')} to go${why === undefined ? '' : `: ${why}`}.`,
          fix: `${open === undefined ? 'Look at the log for what the mirror waits for' : 'See that it ends'}, then run apply again: it goes on where it stopped.`,
        }),
      }
    }
    run.report({ kind: 'copying', topics: meter(looks, run.now()), waitsFor })
    await delay(POLL_MS, undefined, { signal: run.signal })
  }
}

/** The transaction behind which nothing can be copied yet, if there is one. */
const openAmong = async (
  topic: TopicName,
  { clusters }: Run,
  now: ReadonlyMap<string, PartitionNow>,
): Promise<string | undefined> => {
  const held = [...now.values()].filter((p) => p.sourceStable < p.sourceEnd)
  if (held.length === 0) return undefined
  const reading = TRANSACTIONS_ENDED.judge(await openTransactions(clusters.source, held), { topic })
  return reading.holds ? undefined : reading.because
}

/** The broker has forgotten a log start that it had not made durable: the mirror deletes below the mark again once it has seen that. */
const readsBelowMark = ({ mark, targetStart }: PartitionNow): boolean =>
  hidesBelow(mark) && targetStart < mark.targetStart

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
  topic: TopicName,
  now: ReadonlyMap<string, PartitionNow>,
  ofMirror: readonly CopyLook[],
): readonly [CopyLook, ...CopyLook[]] => {
  const records = [...now.values()].reduce(
    (sum, p) => sum + Number(rankOf(p.index, p.index.mirroredTo)),
    0,
  )
  const bytes = ofMirror.find((look) => look.topic === topic)?.bytes ?? null
  const others = ofMirror.filter((look) => look.topic !== topic)
  return [{ topic, records, bytes, left: Number(lagAmong(now.values())) }, ...others]
}
