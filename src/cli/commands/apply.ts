import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { Command } from 'commander'
import type { Stage } from '../../domain/stage.ts'
import {
  collected,
  durationFlag,
  isSet,
  listFlag,
  MAX_DESTROY,
  maxDestroyFlag,
  names,
  stageFlag,
  wrongUse,
} from '../args.ts'
import { type Context, planOptions } from '../context.ts'
import { type PlansToRun, showAndRun } from '../run-plans.ts'
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
  /** Groups that may be taken back. */
  readonly allowRewind: readonly string[]
  readonly maxDestroy: number | undefined
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
  const allowRewind = listFlag(flags, 'allowRewind')
  if (files.length > 0 && allowRewind.length > 0) {
    throw wrongUse(
      'A plan file says itself which groups may be taken back.',
      'Give --allow-rewind to `ferry plan NAME -o FILE`.',
    )
  }
  return {
    what:
      files[0] === undefined
        ? { kind: 'names', names: given }
        : { kind: 'file', file: resolve(cwd, files[0]) },
    autoApprove: isSet(flags, 'autoApprove'),
    waitMs: durationFlag(flags, 'wait'),
    until: stageFlag(flags, 'until'),
    confirm: listFlag(flags, 'confirm'),
    allowRewind,
    maxDestroy: maxDestroyFlag(flags),
    json: isSet(flags, 'json'),
  }
}

/** A migration's name has neither slash nor ending of a file; what looks like one is a file, also where it does not exist. */
const isFile = (given: string, cwd: string): boolean => {
  if (/[/\\]|\.(plan|json)$/.test(given)) return true
  const path = resolve(cwd, given)
  // A folder of its name hides no migration.
  return existsSync(path) && !statSync(path).isDirectory()
}

/** A plan file was approved when it was reviewed; what is planned now is asked. */
const plansOf = async (context: Context, args: ApplyArgs): Promise<PlansToRun> => {
  const { planFromFile, planByName } = await import('../../app/apply-plans.ts')
  const { readPlanFile } = await import('../../app/plan-file.ts')
  const { what, waitMs, until, confirm, maxDestroy } = args
  const file = what.kind === 'file' ? await readPlanFile(what.file) : undefined
  return {
    names: what.kind === 'names' ? what.names : file === undefined ? [] : [file.migration],
    plan: async (session) =>
      file === undefined
        ? planByName(session, until, args.allowRewind, { ...planOptions(context), maxDestroy })
        : [await planFromFile(session, file)],
    approved: args.autoApprove || what.kind === 'file',
    confirm,
    waitMs,
    until,
    maxDestroy,
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
      'the migration has steps that cannot be undone, or gives up a rollback, and may do so; can be given several times',
      collected,
      [],
    )
    .option(
      '--allow-rewind <group>',
      'the group may be taken back behind where it is on the target, and reads those records again; can be given several times',
      collected,
      [],
    )
    .option(...MAX_DESTROY)
    .option('--json', 'what happens as JSON: an event a line, the last one `finished`')
    .action(
      act(
        async (context, raw, flags) => {
          const args = applyArgs(raw, flags, context.cwd)
          const file = args.what.kind === 'file' ? raw.flat()[0] : undefined
          return showAndRun(context, await plansOf(context, args), {
            json: args.json,
            again: (name) => `ferry apply ${file ?? name}`,
          })
        },
        {
          finishesStep: true,
          failedJson: async (...end) => (await import('../apply-teller.ts')).lastLine(...end),
        },
      ),
    )
