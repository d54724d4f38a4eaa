import type { Diagnostic } from '../domain/diagnostic.ts'
import type { ReachedStage } from '../domain/stage.ts'
import type { MigrationState, SeenFacts } from '../domain/state.ts'
import type { Step } from '../domain/step.ts'
import type { Lock } from '../state/state-store.ts'
import type { Run } from '../steps/step-kind.ts'
import type { AppliedStep, ApplyOptions, ApplyResult } from './apply-options.ts'
import { openPlan } from './open-plan.ts'
import type { OpenedRun } from './open-run.ts'
import type { PlanHistory, PlanJournal } from './plan-journal.ts'
import { isAbort, problemsOf } from './problems.ts'
import { runStep, type StepEnd } from './run-step.ts'
import { stageReached, stepsUntil } from './stage-reached.ts'

/**
 * Runs a plan, or goes on with it. Never rejects.
 *
 * 1. Take the lock.
 * 2. Read decisions and journal; refuse a plan that must not run.
 * 3. Check that it is what would be planned now, or where its own run goes on, that only its own steps changed anything; write that it runs.
 * 4. Run its steps in order, but for those that an earlier run has done.
 * 5. Write after each how far the migration has come; after the last that the plan has run to its end.
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
    await writeStage(applying)
    return (await runSteps(applying)) ?? (await finish(applying, history))
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
    await writeStage(applying)
  }
  return undefined
}

const INTERRUPTED: Ending = { status: 'interrupted', problems: [] }

/** Only forwards on the plan's way, and only where it is not written yet: a run that goes on passes its first stages again. */
const writeStage = async ({ options, run, done }: Applying): Promise<void> => {
  const stage = stageReached(options.plan, options.migration.order, done)
  if (stage === undefined || stage === run.state().stage) return
  await run.decide((state) => ({ ...state, stage }))
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
