import type { DurableAfter } from '../../domain/durable-starts.ts'
import type { TopicName } from '../../domain/ids.ts'
import { hidesBelow } from '../../domain/mark.ts'
import { type StartSeen, StartWatch } from '../../mirror/start-watch.ts'
import type { Clusters, Gate, Run } from '../step-kind.ts'
import { type Fact, told } from './fact.ts'
import { BELOW_MARK_HIDDEN, belowMarks } from './mirror.ts'
import { HOLDS, waits } from './reading.ts'

/** How often log starts are looked at while a topic is copied: no broker closes a connection that is used so often. */
const LOOK_EVERY_MS = 5_000

/** Looks beside other work take no more than this part of its time: of ten thousand topics each has its own step, and all are looked at. */
const PART = 20

interface Watching {
  readonly watch: StartWatch
  /** Milliseconds; infinite while a look is taken. */
  notBefore: number
}

/** Of each run: log starts are watched together and from the first mark on, so that what is copied meanwhile takes no longer for it. */
const WATCHES = new WeakMap<Clusters, Watching>()

const watchOf = ({ clusters }: Pick<Run, 'clusters'>): Watching => {
  const watching = WATCHES.get(clusters) ?? {
    watch: new StartWatch(clusters.target),
    notBefore: 0,
  }
  WATCHES.set(clusters, watching)
  return watching
}

/** Begins to watch, or looks again, unless it was looked just now. What cannot be seen now is seen later: a gate says so. */
export const lookAtLogStarts = async (run: Pick<Run, 'clusters' | 'state'>): Promise<void> => {
  const watching = watchOf(run)
  const began = performance.now()
  if (began < watching.notBefore) return
  watching.notBefore = Number.POSITIVE_INFINITY
  await watching.watch.look(run.state().marks).catch(() => undefined)
  const ended = performance.now()
  watching.notBefore = ended + PART * (ended - began)
}

/** Looks again and again while something else goes on. */
export const whileLogStartsAreWatched = async <T>(
  run: Pick<Run, 'clusters' | 'state'>,
  work: () => Promise<T>,
): Promise<T> => {
  await lookAtLogStarts(run)
  const timer = setInterval(() => void lookAtLogStarts(run), LOOK_EVERY_MS)
  try {
    return await work()
  } finally {
    clearInterval(timer)
  }
}

interface DurableOf {
  readonly topic: TopicName
  /** From the mark, at least, by the brokers when it was planned; 0: nothing was seen that it would be waited for. */
  readonly afterMs: number
}

/**
 * No crash brings back any more what was deleted below the marks: every replica has begun at its mark for as long as its broker takes to write
 * that down, and the broker was not started anew meanwhile.
 */
export const LOG_STARTS_DURABLE: Fact<DurableOf, readonly StartSeen[]> = {
  name: 'log-starts-durable',
  title: ({ topic, afterMs }) =>
    `the log starts of ${topic} are durable on all its brokers${afterMs === 0 ? '' : `, ${seconds(afterMs)} from the mark or later`}`,
  reads:
    'ListOffsets of every replica, over a connection to each broker; DescribeConfigs of brokers',
  judge: (seen) => {
    let most = 0
    let says = ''
    for (const each of seen) {
      if (each.because !== undefined) return waits(each.because)
      const leftMs = each.takes.ms - each.standsMs
      if (leftMs <= most) continue
      most = leftMs
      says = inWords(each.broker, each.takes)
    }
    if (most === 0) return HOLDS
    return { ...waits(`${seconds(most)} to go: ${says}`), holdsInMs: most }
  },
}

const inWords = (broker: number, { intervalMs, isTold }: DurableAfter): string =>
  isTold
    ? `broker ${broker} makes them durable every ${seconds(intervalMs)}`
    : `broker ${broker} does not tell how often it makes them durable, so ${seconds(intervalMs)} are taken`

const seconds = (ms: number): string => `${Math.ceil(ms / 1000)} s`

/**
 * `afterMs` as the step was planned with. What a crash brings back meanwhile is deleted again, and the time begins anew. `isExpected`: something
 * lies below a mark; else it holds at once, unless that has come since the plan.
 */
export const logStartsAreDurable = (of: DurableOf, isExpected: boolean): Gate => ({
  title: LOG_STARTS_DURABLE.title(of),
  ...(isExpected ? {} : { unnamed: true }),
  check: async (run) => {
    const marks = run.state().marks.filter((mark) => mark.topic === of.topic && hidesBelow(mark))
    if (marks.length === 0) return HOLDS
    const hidden = told(BELOW_MARK_HIDDEN, await belowMarks(run, [of.topic]), null)
    const seen = await watchOf(run).watch.look(marks)
    return hidden.holds ? LOG_STARTS_DURABLE.judge(seen, of) : hidden
  },
})
