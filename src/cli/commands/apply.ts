import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { Command } from 'commander'
import type { PlannedMigration } from '../../app/apply-plans.ts'
import type { Stage } from '../../domain/stage.ts'
import { actedNow } from '../../views/acted-now.ts'
import type { AppliedPlan } from '../../views/apply.ts'
import type { StepWords } from '../../views/step-words.ts'
import { durationFlag, isSet, names, stageFlag, wrongUse } from '../args.ts'
import { ask } from '../ask.ts'
import { type Context, mirrorTimings, planOptions, withSession } from '../context.ts'
import { EXIT, type ExitCode, exitCodeFor } from '../exit-codes.ts'
import type { Act, RawFlags } from '../verb.ts'

export interface ApplyArgs {
  /** A plan file, which is run as it is; or migrations, planned and asked for. */
  readonly what:
    | { readonly kind: 'file'; readonly file: string }
    | { readonly kind: 'names'; readonly names: readonly string[] }
  readonly autoApprove: boolean
  readonly waitMs: number | undefined
  readonly until: Stage | undefined
  readonly confirm: readonly string[]
  readonly json: boolean
}

export const applyArgs = (args: readonly unknown[], flags: RawFlags, cwd: string): ApplyArgs => {
  const given = names(args)
  const files = given.filter((each) => isFile(each, cwd))
  if (files.length > 0 && given.length > 1) {
    throw wrongUse(
      `${files[0]} is a plan file, and a plan file is applied alone.`,
      'Apply one file, or name migrations.',
    )
  }
  const confirm = flags.confirm
  return {
    what:
      files[0] === undefined
        ? { kind: 'names', names: given }
        : { kind: 'file', file: resolve(cwd, files[0]) },
    autoApprove: isSet(flags, 'autoApprove'),
    waitMs: durationFlag(flags, 'wait'),
    until: stageFlag(flags, 'until'),
    confirm: Array.isArray(confirm) ? confirm.filter((each) => typeof each === 'string') : [],
    json: isSet(flags, 'json'),
  }
}

/** A migration's name has neither slash nor ending of a file; what looks like one is a file, also where it does not exist. */
const isFile = (given: string, cwd: string): boolean =>
  /[/\\]|\.(plan|json)$/.test(given) || existsSync(resolve(cwd, given))

/**
 * 1. Read the plan file, or plan.
 * 2. Show it; stop if it has errors or nothing to do.
 * 3. Get approval: a plan file was approved when it was reviewed, the rest is asked.
 * 4. Apply one migration after the other; the first that does not finish ends it.
 */
const applyCore = (
  context: Context,
  args: ApplyArgs,
  show: (planned: readonly PlannedMigration[]) => void,
): Promise<{ readonly applied: readonly AppliedPlan[]; readonly code: ExitCode }> =>
  withPlans(context, args, async (planned, run) => {
    show(planned)
    const problems = planned.flatMap((each) => each.plan.problems)
    context.tell([...problems, ...planned.flatMap((each) => each.warnings)])
    const blocked = exitCodeFor(problems)
    if (blocked !== EXIT.done) return { applied: [], code: blocked }
    const pending = planned.filter((each) => each.plan.steps.length > 0)
    if (pending.length === 0) return { applied: [], code: EXIT.done }
    const confirmed = await ask(context, pending, {
      approved: args.autoApprove || args.what.kind === 'file',
      confirmed: args.confirm,
    })
    const applied: AppliedPlan[] = []
    for (const each of pending) {
      const result = await run(each, confirmed.has(each.migration.name))
      applied.push({ plan: each.plan, result })
      const code = applyExitCode({ plan: each.plan, result })
      if (code !== EXIT.done) return { applied, code }
    }
    return { applied, code: EXIT.done }
  })

type RunPlan = (planned: PlannedMigration, confirmed: boolean) => Promise<AppliedPlan['result']>

const withPlans = async <T>(
  context: Context,
  args: ApplyArgs,
  work: (planned: readonly PlannedMigration[], run: RunPlan) => Promise<T>,
): Promise<T> => {
  const { planFromFile, planByName, runPlan } = await import('../../app/apply-plans.ts')
  const { DEFAULT_TIMINGS } = await import('../../mirror/mirror.ts')
  const { readPlanFile } = await import('../../app/plan-file.ts')
  const { OUTCOME_WORDS, renderLiveStep } = await import('../../views/apply.ts')
  const { renderLive } = await import('../../views/live.ts')
  const words = await context.services.stepWords()
  const { what } = args
  const file = what.kind === 'file' ? await readPlanFile(what.file) : undefined
  const wanted = what.kind === 'names' ? what.names : file === undefined ? [] : [file.migration]
  return withSession(context, wanted, async (session) => {
    const planned =
      file === undefined
        ? await planByName(session, args.until, planOptions(context))
        : [await planFromFile(session, file)]
    return work(planned, (each, confirmed) => {
      let title = ''
      return runPlan(session, each, {
        ...planOptions(context),
        waitMs: args.waitMs,
        until: args.until,
        confirmed,
        timings: mirrorTimings(context.streams.env, DEFAULT_TIMINGS),
        log: context.log,
        debug: context.flags.logLevel === 'debug',
        stopping: context.stopping,
        on: {
          started: (step, index, of) => {
            title = renderLiveStep(index, of, stepTitle(words, step))
            context.progress.report(title)
          },
          live: (live) => {
            const { line, details } = renderLive(live)
            context.progress.report(title === '' ? line : `${title}: ${line}`, details)
          },
          finished: (_, { outcome }) =>
            context.progress.note(`${title}: ${OUTCOME_WORDS[outcome]}`),
          warned: (each) =>
            typeof each === 'string'
              ? context.progress.note(`warning: ${each}`)
              : context.tell([each]),
        },
      })
    })
  })
}

const stepTitle = (words: StepWords, step: Parameters<StepWords['describe']>[0]): string => {
  const { noun, name } = words.describe(step)
  return `${noun} ${name}`
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

export const applyCommand = (act: Act): Command =>
  new Command('apply')
    .summary('run a plan')
    .description(
      'Runs a plan file just as it was shown, or plans the named migrations, shows the plan and asks. Each step waits for its gates; a gate that does not open in time ends apply with exit code 7, and the next apply goes on there. The first Ctrl-C ends after the current step, the second at once.',
    )
    .argument(
      '[file or name...]',
      'a plan file, or migrations; all of the project if neither is given',
    )
    .option('--auto-approve', 'do not ask')
    .option(
      '--wait <duration>',
      'how long to wait at a gate, instead of gates.timeout; 0s checks once',
    )
    .option('--until <stage>', 'stop when this stage is reached')
    .option(
      '--confirm <name>',
      'the migration has steps that cannot be undone, and they may run; can be given several times',
      (name: string, before: readonly string[]) => [...before, name],
      [],
    )
    .option('--json', 'the results as JSON')
    .action(
      act(
        async (context, raw, flags) => {
          const args = applyArgs(raw, flags, context.cwd)
          const { renderPlan } = await import('../../views/plan.ts')
          const { renderApplied, renderAppliedJson } = await import('../../views/apply.ts')
          const words = await context.services.stepWords()
          const { applied, code } = await applyCore(context, args, (planned) => {
            if (args.json) return
            const plans = planned.map(({ plan }) => renderPlan(plan, words, context.style))
            context.print(plans.join('\n'))
          })
          if (args.json) context.print(renderAppliedJson(applied))
          for (const each of applied) {
            const again = `ferry apply ${args.what.kind === 'file' ? raw.flat()[0] : each.plan.migration}`
            if (!args.json) context.print(`\n${renderApplied(each, words, again, context.style)}`)
            context.tell(each.result.problems)
          }
          return code
        },
        { finishesStep: true },
      ),
    )
