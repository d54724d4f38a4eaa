import type { Diagnostic } from '../domain/diagnostic.ts'
import type { TopicName } from '../domain/ids.ts'
import { type ReachedStage, stageRank } from '../domain/stage.ts'
import type { MigrationState, SeenFacts } from '../domain/state.ts'
import { placesOf } from '../domain/state-places.ts'
import type { Step } from '../domain/step.ts'
import type { Lock } from '../state/state-store.ts'
import { mirrorIsSound } from '../steps/gates/index.ts'
import { mirrorPatienceMs } from '../steps/mirror-patience.ts'
import type { Run } from '../steps/step-kind.ts'
import type { AppliedStep, ApplyOptions, ApplyResult } from './apply-options.ts'
import { brokenAfter, type ClosedGate, waitForGates } from './gates.ts'
import { openPlan } from './open-plan.ts'
import type { OpenedRun } from './open-run.ts'
import type { PlanHistory, PlanJournal } from './plan-journal.ts'
import { isAbort, isWait, problemsOf, stageNotReached } from './problems.ts'
import { runStep, type StepEnd } from './run-step.ts'
import { stageReached, stepsUntil } from './stage-reached.ts'

/**
 * Runs a plan, or goes on with it. Never rejects.
 *
 * 1. Take the lock.
 * 2. Read decisions and journal; refuse a plan that must not run.
 * 3. Check that it is what would be planned now, or where its own run goes on, that only its own steps changed anything; write that it runs.
 * 4. Run its steps in order, but for those that an earlier run has done.
 * 5. Write after each how far the migration has come, unless a partition has stopped; after the last that the plan has run to its end.
 * 6. Stop the mirror and release the lock, always.
 */
export const applyPlan = async (options: ApplyOptions): Promise<ApplyResult> => {
  const record = newRecord(options.plan.steps)
  const end = await ending(options, async () => {
    const lock = await options.store.lock(options.migration.name, options.holder)
    record.takenOverFrom = lock.takenOverFrom
    return whileLocked(options, lock, () => applyLocked(options, lock, record))
  })
  return { ...end, ...record, steps: [...record.steps.values()] }
}

interface Ending {
  readonly status: ApplyResult['status']
  readonly problems: readonly Diagnostic[]
}

/** What is known about the run so far; an unexpected end must not lose it. */
interface RunRecord {
  readonly steps: Map<string, AppliedStep>
  begun: boolean
  stage: ReachedStage | undefined
  takenOverFrom: ApplyResult['takenOverFrom']
}

interface Applying {
  readonly options: ApplyOptions
  readonly run: Run
  readonly journal: PlanJournal
  readonly done: Set<string>
  readonly record: RunRecord
}

const newRecord = (steps: readonly Step[]): RunRecord => ({
  steps: new Map(steps.map(({ id }) => [id, { id, outcome: 'notStarted', earlier: false }])),
  begun: false,
  stage: undefined,
  takenOverFrom: undefined,
})

const applyLocked = async (
  options: ApplyOptions,
  lock: Lock,
  record: RunRecord,
): Promise<Ending> => {
  const plan = await openPlan(options, lock)
  noteHistory(record, plan.history)
  if (plan.refused) {
    record.stage = plan.state.stage
    return { status: 'failed', problems: plan.refused }
  }
  const { opened, history, journal } = plan
  const { run } = opened
  const done = new Set(history.done)
  return whileOpen(options, opened, record, async () => {
    const applying = { options, run, journal, done, record }
    return (
      (await passStage(applying, 'before')) ??
      (await runSteps(applying)) ??
      (await finish(applying, history))
    )
  })
}

/** Undefined: all steps that were asked for are done. */
const runSteps = async (applying: Applying): Promise<Ending | undefined> => {
  const { options, run, journal, done, record } = applying
  const { plan, migration, until, on } = options
  for (const step of stepsUntil(plan, migration.order, until)) {
    if (done.has(step.id)) continue
    if (options.stopping.aborted || options.signal.aborted) return INTERRUPTED
    on.started(step, plan.steps.indexOf(step), plan.steps.length)
    const kind = options.kinds(step.kind)
    const begun = () => {
      record.begun = true
    }
    const end = await runStep({ step, kind, run, journal, options, begun })
    const applied = appliedStep(step, end)
    record.steps.set(step.id, applied)
    on.finished(step, applied)
    if (end.outcome === 'interrupted') return INTERRUPTED
    if (end.outcome !== 'done') {
      const status = end.outcome === 'waiting' ? 'waiting' : 'failed'
      return { status, problems: end.problems }
    }
    done.add(step.id)
    const stop = await passStage(applying, 'after')
    if (stop !== undefined) return stop
  }
  return undefined
}

const INTERRUPTED: Ending = { status: 'interrupted', problems: [] }

/**
 * Only on the plan's way, and only where it is not written yet: a run that goes on passes its first stages again. Forwards none is passed while
 * a partition is stopped, whether or not a step with a gate leads there. `after`: a step of this run was done. Undefined: nothing stands in the way.
 */
const passStage = async (
  { options, run, done }: Applying,
  moment: 'before' | 'after',
): Promise<Ending | undefined> => {
  const { order } = options.migration
  const stage = stageReached(options.plan, order, done)
  if (stage === undefined || stage === run.state().stage) return undefined
  const isForwards = stageRank(stage, order) > stageRank(run.state().stage, order)
  const closed = isForwards ? await closedToStages(options, run, moment) : []
  if (closed.length > 0) {
    const problem = stageNotReached(stage, closed)
    return { status: isWait(problem) ? 'waiting' : 'failed', problems: [problem] }
  }
  await run.decide((state) => ({ ...state, stage }))
  return undefined
}

const closedToStages = async (
  options: ApplyOptions,
  run: Run,
  moment: 'before' | 'after',
): Promise<readonly ClosedGate[]> => {
  const topics = unsealedTopics(run)
  if (topics.length === 0) return []
  const gates = [mirrorIsSound(topics)]
  const waitingRun = {
    ...run,
    signal: AbortSignal.any([options.signal, options.stopping]),
    // A mirror that has just begun has looked at nothing yet: with `--wait 0s` no run would ever see that all is well.
    gateTimeoutMs: mirrorPatienceMs(run),
  }
  return moment === 'after'
    ? brokenAfter(gates, waitingRun, options.pause)
    : (await waitForGates(gates, waitingRun, options.pause)).closed
}

/** Topics of the migration that are still mirrored. */
const unsealedTopics = (run: Run): readonly TopicName[] => {
  const { marks, seals } = placesOf(run.state())
  const open = new Set([...marks].flatMap(([key, { topic }]) => (seals.has(key) ? [] : [topic])))
  return [...open].filter((topic) => run.migration.topics.some(({ name }) => name === topic))
}

const finish = async (
  { options, run, journal, done }: Applying,
  history: PlanHistory,
): Promise<Ending> => {
  const { plan, digest } = options
  if (plan.steps.every((step) => done.has(step.id))) {
    if (!history.finished) await journal.append({ kind: 'plan-finished' })
    // In one write: a plan that has run to its end never runs again, so nobody would look later.
    const seen = await seenNow(options, { ...run.state(), stage: plan.to })
    await run.decide((s) => ({ ...s, stage: plan.to, plan: { digest, status: 'done' }, seen }))
  }
  return { status: 'done', problems: [] }
}

const noteHistory = (record: RunRecord, { done, begun }: PlanHistory): void => {
  record.begun = begun.size > 0
  for (const id of record.steps.keys()) {
    if (done.has(id)) record.steps.set(id, { id, outcome: 'done', earlier: true })
  }
}

const appliedStep = ({ id }: Step, { outcome, problems }: StepEnd): AppliedStep => ({
  id,
  outcome: outcome === 'interrupted' ? 'waiting' : outcome,
  earlier: false,
  ...(problems[0] && { problem: problems[0] }),
})

const whileOpen = async (
  options: ApplyOptions,
  { run, close }: OpenedRun,
  record: RunRecord,
  work: () => Promise<Ending>,
): Promise<Ending> => {
  try {
    return await work()
  } finally {
    record.stage = run.state().stage
    if (run.state().plan?.status === 'open')
      await warnInstead(options, () => writeSeen(options, run))
    await warnInstead(options, close)
  }
}

const whileLocked = async (
  options: ApplyOptions,
  lock: Lock,
  work: () => Promise<Ending>,
): Promise<Ending> => {
  try {
    return await work()
  } finally {
    await warnInstead(options, () => lock.release())
  }
}

/** Not when a second Ctrl-C asked to leave at once. */
const writeSeen = async (options: ApplyOptions, run: Run): Promise<void> => {
  if (options.signal.aborted) return
  const seen = await seenNow(options, run.state())
  if (seen !== null) await run.decide((s) => ({ ...s, seen }))
}

/** Null, with a warning, if it cannot be read: what a run has done counts more than what can be told of it later. */
const seenNow = async (options: ApplyOptions, state: MigrationState): Promise<SeenFacts | null> => {
  let seen: SeenFacts | null = null
  await warnInstead(options, async () => {
    seen = { at: options.now().toISOString(), ...(await options.look(state)) }
  })
  return seen
}

/** What fails while things are closed must not hide how the run itself ended, nor keep the rest from being closed. */
const warnInstead = async (options: ApplyOptions, close: () => Promise<void>): Promise<void> => {
  try {
    await close()
  } catch (error) {
    for (const problem of problemsOf(error, options.debug ?? false)) {
      options.on.warned({ ...problem, severity: 'warning' })
    }
  }
}

const ending = async (options: ApplyOptions, work: () => Promise<Ending>): Promise<Ending> => {
  try {
    return await work()
  } catch (error) {
    if (isAbort(error, AbortSignal.any([options.signal, options.stopping]))) return INTERRUPTED
    return { status: 'failed', problems: problemsOf(error, options.debug ?? false) }
  }
}
