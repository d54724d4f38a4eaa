import type { IdlePlan, PlannedMigration } from '../app/apply-plans.ts'
import type { Session } from '../app/open-session.ts'
import { consentTo } from '../app/unwritten.ts'
import type { Diagnostic } from '../domain/diagnostic.ts'
import type { Stage } from '../domain/stage.ts'
import { actedNow } from '../views/acted-now.ts'
import type { AppliedPlan } from '../views/apply.ts'
import type { ApplyTeller } from './apply-teller.ts'
import { ask } from './ask.ts'
import { type Context, mirrorTimings, planOptions, withSession } from './context.ts'
import { EXIT, type ExitCode, exitCodeFor } from './exit-codes.ts'

/** Which plans a verb runs, and how. */
export interface PlansToRun {
  /** The migrations to open; empty: all of the project. */
  readonly names: readonly string[]
  plan(session: Session): Promise<readonly PlannedMigration[]>
  /** True: nobody is asked. */
  readonly approved: boolean
  /** Migrations that were named for steps that want to be confirmed. */
  readonly confirm: readonly string[]
  readonly waitMs: number | undefined
  readonly until: Stage | undefined
  /** Absent: what the plan was made with, or else the project's policy. */
  readonly maxDestroy?: number | undefined
}

/** How it ended; `problems` are those that no plan's result has. */
interface Ran {
  readonly applied: readonly AppliedPlan[]
  readonly code: ExitCode
  readonly problems: readonly Diagnostic[]
}

/**
 * 1. Plan.
 * 2. Show it; stop if it has errors or nothing to do, or if that is not so any more. One without steps runs only where something else than
 *    what is recorded is to be written down.
 * 3. Get approval.
 * 4. Apply one migration after the other; the first that does not finish ends it.
 */
const runPlans = (
  context: Context,
  wanted: PlansToRun,
  teller: ApplyTeller,
  show: (planned: readonly PlannedMigration[]) => void,
): Promise<Ran> =>
  withPlans(context, wanted, teller, async (planned, run) => {
    show(planned)
    const problems = planned.flatMap((each) => each.plan.problems)
    context.tell([...problems, ...planned.flatMap((each) => each.warnings)])
    const blocked = exitCodeFor(problems)
    if (blocked !== EXIT.done) return { applied: [], code: blocked, problems }
    const idle = planned.filter((each) => each.plan.steps.length === 0)
    const looked = await run.look(idle)
    const changed = looked.flatMap((each) => each.problems)
    if (changed.length > 0) {
      context.tell(changed)
      return { applied: [], code: exitCodeFor(changed), problems: changed }
    }
    const canAgree = wanted.approved || context.canAsk
    const consents = new Map(
      idle.flatMap((each, index) => {
        const what = looked[index]?.unwritten
        const consent = what === undefined ? 'left' : consentTo(what, canAgree)
        if (what === undefined || consent === 'left') return []
        teller.writesDown(each.plan, what)
        return [[each, consent]]
      }),
    )
    const pending = planned.filter((each) => !idle.includes(each) || consents.has(each))
    if (pending.length === 0) return { applied: [], code: EXIT.done, problems: [] }
    const asked = pending.filter((each) => consents.get(each) !== 'unasked')
    const given = { approved: wanted.approved || asked.length === 0, confirmed: wanted.confirm }
    const confirmed = await ask(context, asked, given)
    const applied: AppliedPlan[] = []
    for (const each of pending) {
      const result = await run.apply(each, confirmed.has(each.migration.name))
      applied.push({ plan: each.plan, result })
      const code = applyExitCode({ plan: each.plan, result })
      if (code !== EXIT.done) return { applied, code, problems: [] }
    }
    return { applied, code: EXIT.done, problems: [] }
  })

interface RunPlan {
  apply(planned: PlannedMigration, confirmed: boolean): Promise<AppliedPlan['result']>
  /** At these, which have no steps. */
  look(idle: readonly PlannedMigration[]): Promise<readonly IdlePlan[]>
}

const withPlans = async <T>(
  context: Context,
  wanted: PlansToRun,
  teller: ApplyTeller,
  work: (planned: readonly PlannedMigration[], run: RunPlan) => Promise<T>,
): Promise<T> => {
  const { checkIdle, runPlan } = await import('../app/apply-plans.ts')
  const { DEFAULT_TIMINGS } = await import('../mirror/mirror.ts')
  return withSession(context, wanted.names, async (session) => {
    const planned = await wanted.plan(session)
    const look: RunPlan['look'] = async (idle) => {
      const options = { ...planOptions(context), maxDestroy: wanted.maxDestroy }
      const found: IdlePlan[] = []
      for (const each of idle) found.push(await checkIdle(session, each, options))
      return found
    }
    const apply: RunPlan['apply'] = async (each, confirmed) => {
      const result = await runPlan(session, each, {
        ...planOptions(context),
        waitMs: wanted.waitMs,
        until: wanted.until,
        maxDestroy: wanted.maxDestroy,
        confirmed,
        timings: mirrorTimings(context.streams.env, DEFAULT_TIMINGS),
        log: context.log,
        debug: context.flags.logLevel === 'debug',
        stopping: context.stopping,
        on: teller.began(each.plan),
      })
      teller.ended(each.plan, result)
      return result
    }
    return work(planned, { apply, look })
  })
}

/**
 * A run that began no step ends as its first problem says, also where an earlier run of the plan had begun some: a plan that already ran
 * is stale (5), not partly applied. What stops after that is partly applied.
 */
export const applyExitCode = ({ result }: AppliedPlan): ExitCode => {
  switch (result.status) {
    case 'done':
      return EXIT.done
    case 'waiting':
      return EXIT.waiting
    case 'interrupted':
      return EXIT.interrupted
    case 'failed': {
      const code = exitCodeFor(result.problems)
      return actedNow(result) ? EXIT.partlyApplied : code === EXIT.done ? EXIT.error : code
    }
  }
}

/** Runs plans and tells everything about it: the plans before, the results after; as JSON what happens, while it happens. `again` is the command that goes on with one. */
export const showAndRun = async (
  context: Context,
  wanted: PlansToRun,
  options: { readonly json: boolean; again(migration: string): string },
): Promise<ExitCode> => {
  const { renderPlan } = await import('../views/plan.ts')
  const { renderApplied } = await import('../views/apply.ts')
  const words = await context.services.stepWords()
  const { applyTeller } = await import('./apply-teller.ts')
  const teller = applyTeller(context, words, options.json)
  const { applied, code, problems } = await runPlans(context, wanted, teller, (planned) => {
    if (options.json) return
    context.print(planned.map(({ plan }) => renderPlan(plan, words, context.style)).join('\n'))
  })
  for (const each of applied) {
    const again = options.again(each.plan.migration)
    if (!options.json) context.print(`\n${renderApplied(each, words, again, context.style)}`)
    context.tell(each.result.problems)
  }
  teller.finished(code, problems)
  return code
}
