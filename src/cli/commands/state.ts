import { resolve } from 'node:path'
import { Command } from 'commander'
import type { Session } from '../../app/open-session.ts'
import { diagnostic, FerryError } from '../../domain/diagnostic.ts'
import type { StateStore } from '../../state/state-store.ts'
import { isSet, names, outputFlag, textFlag, wrongUse, wrongValue } from '../args.ts'
import { type Context, withSession } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import type { Act, RawFlags } from '../verb.ts'

/** What each action takes besides its own name. */
const ACTIONS = {
  list: [],
  show: ['NAME'],
  pull: ['NAME'],
  push: ['NAME', 'FILE'],
  forget: ['NAME'],
} as const satisfies Record<string, readonly string[]>
type Action = keyof typeof ACTIONS

/** Asks no broker unless the state is on one, and needs no migration file: a state outlives it. Answers what to print. */
export const state = (
  context: Context,
  [action, name = '', file = '']: readonly [Action, ...string[]],
  flags: RawFlags,
): Promise<string> => {
  const work = async ({ project, store }: Session): Promise<string> => {
    const { renderJson } = await import('../../views/json.ts')
    const { summaryOf } = await import('../../app/state-changes.ts')
    const { refuseUnknownName } = await import('../../app/open-session.ts')
    switch (action) {
      case 'list': {
        const states = await Promise.all(
          (await store.list()).map((each) => summaryOf(store, each, context.streams.now())),
        )
        return renderJson({ formatVersion: '1.0', store: store.describe, states })
      }
      case 'show': {
        if ((await store.readDecisions(name)) === undefined) {
          await refuseUnknownName({ project, store }, name)
          throw nothingRecorded(name)
        }
        const summary = await summaryOf(store, name, context.streams.now())
        return renderJson({ formatVersion: '1.0', store: store.describe, ...summary })
      }
      case 'pull':
        return pull(context, { project, store }, name, flags)
      case 'push':
        return push(context, store, name, file, isSet(flags, 'force'))
      case 'forget': {
        const { forgetState } = await import('../../app/state-changes.ts')
        // What was forgotten already is as good as forgotten now; a name that nothing has is a slip.
        if (!(await isKeptOf(store, name))) await refuseUnknownName({ project, store }, name)
        const confirmed = textFlag(flags, 'confirm') === name
        const { serialName } = await import('../../app/backups.ts')
        const was = await forgetState(store, name, {
          confirmed,
          now: context.streams.now(),
          warn: context.tell,
        })
        if (was !== undefined) {
          return `Forgot ${name}. What was recorded is kept: ferry state pull ${name} --backup ${serialName(was)}.
`
        }
        return `Nothing is recorded of ${name}, so there is nothing to forget.
`
      }
    }
  }
  return withSession(context, [], work, 'store')
}

const isKeptOf = async (store: StateStore, name: string): Promise<boolean> =>
  (await store.backups(name)).length > 0

const pull = async (
  context: Context,
  { project, store }: Pick<Session, 'project' | 'store'>,
  name: string,
  flags: RawFlags,
): Promise<string> => {
  const { contentOf } = await import('../../app/state-changes.ts')
  const { refuseUnknownName } = await import('../../app/open-session.ts')
  const { pullBackup } = await import('../../app/backups.ts')
  const { encodeContent } = await import('../../state/content-codec.ts')
  const backup = backupFlag(flags)
  const content = backup === undefined ? await contentOf(store, name) : undefined
  const text =
    backup === undefined ? content && encodeContent(content) : await pullBackup(store, name, backup)
  if (text === undefined) {
    if (!(await isKeptOf(store, name))) await refuseUnknownName({ project, store }, name)
    throw nothingRecorded(name)
  }
  const output = textFlag(flags, 'output')
  if (output === undefined) return text
  const { writePrivateFile } = await import('../../app/plan-file.ts')
  await writePrivateFile(resolve(context.cwd, output), text)
  return ''
}

const push = async (
  context: Context,
  store: StateStore,
  name: string,
  file: string,
  force: boolean,
): Promise<string> => {
  const { pushState } = await import('../../app/state-changes.ts')
  const { serialName } = await import('../../app/backups.ts')
  const { decodeContent } = await import('../../state/content-codec.ts')
  const { readTextFile } = await import('../../app/plan-file.ts')
  const path = resolve(context.cwd, file)
  const fix = 'Give a file that ferry state pull wrote.'
  const text = await readTextFile(path, fix)
  if (!isExport(text)) {
    throw new FerryError(
      diagnostic({
        code: 'FERRY1402',
        summary: 'Not a state',
        detail: `${path} holds no state: it is ${text.trim() === '' ? 'empty' : 'another file, or was cut off'}. Nothing was changed.`,
        fix,
      }),
    )
  }
  const next = decodeContent(text, path)
  if (next.decisions.migration !== name) {
    throw wrongUse(
      `${file} holds the state of ${next.decisions.migration}, not of ${name}.`,
      `Push it as what it is: ferry state push ${next.decisions.migration} ${file}.`,
    )
  }
  const now = context.streams.now()
  const pushed = await pushState(store, name, next, { force, now, warn: context.tell })
  if (!pushed.changed) return `${name} was recorded so already, at serial ${pushed.serial}.\n`
  const kept =
    pushed.replaced === undefined
      ? ''
      : ` What was there is kept: ferry state pull ${name} --backup ${serialName(pushed.replaced)}.`
  return `${name} is now at serial ${pushed.serial}, in ${store.describe}.${kept}\n`
}

/** False for any other file that somebody may name; what is wrong with one that was meant to be a state, its codec says. */
const isExport = (text: string): boolean => {
  try {
    return JSON.parse(text)?.kind === 'ferry-state'
  } catch {
    return false
  }
}

const backupFlag = (flags: RawFlags): string | undefined => {
  const text = textFlag(flags, 'backup')
  if (
    text !== undefined &&
    !/^([^:]+:)?[1-9][0-9]{0,14}$|^[^:]+:[1-9][0-9]{0,14}:[0-9a-f]+$/.test(text)
  ) {
    throw wrongValue(
      '--backup',
      text,
      'Give a serial, or a name that ferry state show lists: LINEAGE:SERIAL.',
    )
  }
  return text
}

const nothingRecorded = (name: string): FerryError =>
  new FerryError(
    diagnostic({
      code: 'FERRY1104',
      detail: `Nothing is recorded of ${JSON.stringify(name)}.`,
      fix: 'ferry state list shows what is recorded, and which backups there are.',
    }),
  )

const FLAGS_OF = {
  list: [],
  show: [],
  pull: ['output', 'backup'],
  push: ['force'],
  forget: ['confirm'],
} as const satisfies Record<Action, readonly string[]>

/** The action with its arguments; what it does not take is wrong use, before any file is read. */
const actionOf = (
  args: readonly unknown[],
  flags: RawFlags,
  cwd: string,
): readonly [Action, ...string[]] => {
  const [action = '', ...rest] = names(args)
  if (!Object.hasOwn(ACTIONS, action)) {
    throw wrongUse(
      `ferry state cannot ${JSON.stringify(action)}.`,
      `Give one of: ${Object.keys(ACTIONS).join(', ')}.`,
    )
  }
  const wanted = ACTIONS[action as Action]
  if (rest.length !== wanted.length) {
    throw wrongUse(
      `ferry state ${action} takes ${wanted.length === 0 ? 'nothing more' : wanted.join(' and ')}.`,
      `Write: ferry state ${[action, ...wanted].join(' ')}.`,
    )
  }
  const taken: readonly string[] = FLAGS_OF[action as Action]
  const strange = Object.keys(flags).find((flag) => !taken.includes(flag))
  if (strange !== undefined) {
    throw wrongUse(
      `ferry state ${action} does not take --${strange}.`,
      taken.length === 0 ? 'Leave it out.' : `It takes --${taken.join(' and --')}.`,
    )
  }
  backupFlag(flags)
  outputFlag(flags, cwd)
  return [action as Action, ...rest]
}

export const stateCommand = (act: Act): Command =>
  new Command('state')
    .summary('look at, copy, restore or forget what is recorded')
    .description(
      'list: every migration that something is recorded of. show NAME: stage, serial, lock, counts, backups. pull NAME: all of it as one file. push NAME FILE: put such a file in its place, also in another store. forget NAME: record nothing of it any more. What is overwritten is kept: the last serials, and all that push and forget replace; show lists it, pull --backup gives it as a file that push puts back. Output is JSON and holds no secrets.',
    )
    .argument('<what>', 'list, show, pull, push or forget')
    .argument('[name...]', 'the migration; with push also the file that ferry state pull wrote')
    .option('-o, --output <file>', 'with pull: write to this file, readable by its owner only')
    .option(
      '--backup <serial>',
      'with pull: what was overwritten, at this serial of the present lineage, or LINEAGE:SERIAL as show lists it',
    )
    .option('--force', 'with push: also what does not follow from what is recorded')
    .option(
      '--confirm <name>',
      'with forget: the name once more, of a migration that is not retired',
    )
    .action(
      act(async (context, args, flags) => {
        const text = await state(context, actionOf(args, flags, context.cwd), flags)
        if (text !== '') context.print(text)
        return EXIT.done
      }),
    )
