import { randomUUID } from 'node:crypto'
import { type Diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { PartitionProgress } from '../domain/partition-progress.ts'
import type { Checker } from './check.ts'
import type { Position } from './flow.ts'
import { divergedOf } from './how-far.ts'
import { ReadDenied } from './log-reader.ts'
import type { MirrorLog } from './mirror.ts'
import type { MirroredPartition } from './partition.ts'
import { StopPartition } from './problems.ts'
import type { Routes } from './routes.ts'
import { isTold } from './saved-progress.ts'
import { backoffMs, pause } from './wait.ts'

/** So often in a row an answer that explains nothing is tried again, with more time in between, before the partition stops. */
const MOST_UNEXPLAINED = 8

/** Until what was decided meanwhile is followed, or taken back. */
const ASK_AGAIN_MS = 500

/** The store did not take this holder's first word: nothing was sent. */
class NotTold extends Error {}

const NOT_COPIED = 'is sealed or given up by now, and not copied'

export interface TendOptions {
  readonly checker: Pick<Checker, 'check' | 'settle' | 'cannotCarry'>
  readonly routes: Pick<Routes, 'connect'>
  /** Whether this process wrote it. */
  readonly isOwn: (holder: PartitionProgress['holder']) => boolean
  /** Whether it is still to be copied, as the decisions say now. */
  readonly isStillMirrored: (p: MirroredPartition) => Promise<boolean>
  readonly readProgress: (p: MirroredPartition) => Promise<PartitionProgress | undefined>
  /** Says in the store that batches may be on their way; must have returned before the first is sent. */
  readonly announce: (p: MirroredPartition) => Promise<void>
  readonly storeGaps: (p: MirroredPartition) => Promise<void>
  /** Of the lock. */
  readonly generation: () => number
  readonly log: MirrorLog
}

/**
 * The life of one partition while its lock is held, until `signal`:
 *
 * 1. the decisions say, read now, that it is still to be copied: a process that slept may have been sealed out since it last looked;
 * 2. what an earlier holder sent is waited out, unless it was handed over or its progress says that everything was answered;
 * 3. the target is checked and the position computed ({@link Checker});
 * 4. records flow until something is in doubt;
 * 5. then what is in flight is waited for, and it starts over from what the target holds.
 *
 * Resolves when nothing of it is in flight any more. Never rejects.
 */
export const tend = async (
  p: MirroredPartition,
  options: TendOptions,
  signal: AbortSignal,
): Promise<void> => {
  const { log } = options
  let isConfirmed = false
  let isProgressRead = false
  let unexplained = 0
  for (let attempt = 0; !signal.aborted; attempt++) {
    const before = p.checkedTo
    const { acceptedGaps } = p.offsets
    try {
      p.state = 'checking'
      isConfirmed ||= await options.isStillMirrored(p)
      if (!isConfirmed) {
        if (attempt === 0) log({ level: 'info', message: `${p.key}: ${NOT_COPIED}` })
        wait(p, NOT_COPIED)
        await pause(ASK_AGAIN_MS, signal)
        continue
      }
      if (!isProgressRead) {
        await useProgress(p, options)
        isProgressRead = true
      }
      if (p.uncertain) {
        p.state = 'waiting'
        p.waitsFor = 'requests that may still be on their way to the target'
        await options.checker.settle(p, signal)
        p.state = 'checking'
      }
      const trouble = await flow(p, options, signal)
      if (signal.aborted) break
      const { block, problem = block && (await options.checker.cannotCarry(p, block)) } = trouble
      if (problem) throw new StopPartition(problem)
      if (trouble.ifItLasts === undefined || p.checkedTo > before) unexplained = 0
      if (trouble.ifItLasts && ++unexplained >= MOST_UNEXPLAINED) {
        throw new StopPartition(trouble.ifItLasts)
      }
      wait(p, trouble.why)
    } catch (error) {
      if (signal.aborted) break
      // Another process may have spoken under the same generation first: who reads that takes a higher one.
      if (error instanceof NotTold) isProgressRead = false
      // A gap that was accepted meanwhile may be the answer to it.
      if (error instanceof StopPartition && acceptedGaps === p.offsets.acceptedGaps) {
        stop(p, error.diagnostics[0], log)
        return
      }
      const problem = error instanceof FerryError ? error.diagnostics[0] : undefined
      if (error instanceof ReadDenied && ++unexplained >= MOST_UNEXPLAINED) {
        stop(p, problem, log)
        return
      }
      wait(p, problem?.detail ?? String(error))
    }
    p.numbers.errors++
    log({
      level: 'warn',
      message: `${p.key}: ${p.waitsFor}; starting over from what the target holds`,
    })
    if (p.checkedTo > before) attempt = 0
    await pause(backoffMs(attempt), signal).catch(() => {})
  }
  p.state = 'waiting'
  p.waitsFor = 'the lock'
}

const stop = (p: MirroredPartition, problem: Diagnostic | undefined, log: MirrorLog): void => {
  p.numbers.errors++
  p.problem = problem
  p.state = 'stopped'
  log({ level: 'error', message: `${problem?.code} ${problem?.detail}` })
}

const wait = (p: MirroredPartition, why: string): void => {
  p.state = 'waiting'
  p.waitsFor = why
}

const useProgress = async (p: MirroredPartition, options: TendOptions): Promise<void> => {
  const progress = await options.readProgress(p)
  // Progress of an older mark is void; without one of this mark nobody has ever sent anything.
  const ours = progress?.producerId === p.mark.producerId ? progress : undefined
  // The lock says whether the last holder has drained; its own word weighs more.
  const isInherited = p.inherited || (ours !== undefined && !options.isOwn(ours.holder))
  if (isInherited && ours?.mayBeInFlight) {
    p.uncertain = true
    p.mayBeInFlight = true
  }
  p.inherited = false
  p.resume(ours, randomUUID())
  p.fence = Math.max(p.fence, options.generation(), fenceAbove(progress, p, options.isOwn))
  if (ours === undefined) return
  p.checkedTo = Math.max(p.checkedTo, Number(ours.checkedTo))
  // A problem of before is looked at again once; the check finds it if it is still there.
  const { mayBeInFlight: inDoubt, problem, diverged, holder } = ours
  const fence = holder.generation
  p.saved = { ...p.saved, inDoubt, fence, problem: problem ?? undefined, diverged }
}

const flow = async (p: MirroredPartition, options: TendOptions, signal: AbortSignal) => {
  const position = await options.checker.check(p, signal)
  const route = await options.routes.connect(p)
  try {
    return await flowOn(route, position, p, options, signal)
  } finally {
    route.release()
  }
}

const flowOn = async (
  route: Awaited<ReturnType<Routes['connect']>>,
  position: Position,
  p: MirroredPartition,
  options: TendOptions,
  signal: AbortSignal,
) => {
  signal.throwIfAborted()
  const isKnown = p.mayBeInFlight && isTold(p) && divergedOf(p) === p.saved.diverged
  if (!isKnown) {
    await options.announce(p).catch((error: unknown) => {
      throw isTold(p) ? error : new NotTold(String(error))
    })
  }
  signal.throwIfAborted()
  const ended = p.flow(position, {
    storeGaps: async () => {
      await options.storeGaps(p)
      if (divergedOf(p) !== p.saved.diverged) await options.announce(p)
    },
    released: () => route.offer(),
  })
  const stop = () => p.end({ why: 'the lock is handed over', uncertain: false })
  signal.addEventListener('abort', stop, { once: true })
  try {
    route.start()
    return await ended
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/**
 * Above every holder before, of whatever mark: a group that was empty for long begins to count anew. One of the same host and pid need not be
 * this process, as containers have the same ones again.
 */
const fenceAbove = (
  progress: PartitionProgress | undefined,
  { fence }: MirroredPartition,
  isOwn: TendOptions['isOwn'],
): number => {
  if (progress === undefined) return 0
  const { holder } = progress
  return isOwn(holder) && fence >= holder.generation ? fence : holder.generation + 1
}
