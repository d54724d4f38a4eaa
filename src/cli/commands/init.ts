import { basename, resolve } from 'node:path'
import { Command } from 'commander'
import type { Skeleton, SkeletonNames } from '../../app/project-skeleton.ts'
import { textFlag, wrongUse } from '../args.ts'
import type { Context } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import type { Act, RawFlags } from '../verb.ts'

export interface InitResult {
  readonly names: SkeletonNames
  readonly skeleton: Skeleton
  /** Environment variables that the new files read. */
  readonly variables: readonly string[]
}

const NAME = /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/

/** Writes the files of a new project into the working folder. Asks no broker and overwrites nothing. */
export const init = async (context: Context, names: SkeletonNames): Promise<InitResult> => {
  const { skeletonVariables, writeSkeleton } = await import('../../app/project-skeleton.ts')
  const skeleton = await writeSkeleton(context.cwd, names)
  return { names, skeleton, variables: skeletonVariables(names) }
}

/** From flags; what is missing is asked for on a terminal. */
const namesFrom = async (context: Context, flags: RawFlags): Promise<SkeletonNames> => {
  const missing = context.canAsk
    ? []
    : ['from', 'to'].filter((flag) => textFlag(flags, flag) === undefined)
  if (missing.length > 0) {
    throw wrongUse(
      `A project has an old and a new cluster, and ${missing.length > 1 ? 'they have no names' : 'one of them has no name'}.`,
      `Give ${missing.map((flag) => `--${flag} NAME`).join(' and ')}, such as \`ferry init --from old --to new\`.`,
    )
  }
  const folder = basename(resolve(context.cwd)).toLowerCase()
  const project = await nameFrom(
    context,
    flags,
    'name',
    'Name of the project',
    NAME.test(folder) ? folder : undefined,
  )
  const from = await nameFrom(context, flags, 'from', 'Name of the old cluster', undefined)
  const to = await nameFrom(context, flags, 'to', 'Name of the new cluster', undefined)
  if (from === to) throw wrongUse(`Both clusters would be called ${from}.`, 'Name two clusters.')
  return { project, from, to }
}

const nameFrom = async (
  context: Context,
  flags: RawFlags,
  flag: string,
  what: string,
  fallback: string | undefined,
): Promise<string> => {
  const given = textFlag(flags, flag)
  const name = given ?? (context.canAsk ? await asked(context, what, fallback) : fallback)
  if (name === undefined || name === '') {
    throw wrongUse(`${what} is missing.`, `Give --${flag} NAME.`)
  }
  if (!NAME.test(name)) {
    throw wrongUse(
      `${what} cannot be ${JSON.stringify(name)}.`,
      'Use small letters, digits, dots and hyphens, at most 63.',
    )
  }
  return name
}

const asked = async (
  context: Context,
  what: string,
  fallback: string | undefined,
): Promise<string | undefined> => {
  const hint = fallback === undefined ? '' : ` (${fallback})`
  const answer = await context.streams.ask(`${what}${hint}: `, context.stopping)
  return answer?.trim() || fallback
}

export const initCommand = (act: Act): Command =>
  new Command('init')
    .summary('start a project')
    .description(
      'Writes ferry.yaml, a file for each of two clusters, the schemas that editors check them with, and a .gitignore where there is none, into the working folder. On a terminal it asks for the names that no flag gives. Overwrites nothing.',
    )
    .option('--name <name>', 'name of the project (default: that of the folder)')
    .option('--from <cluster>', 'name of the old cluster')
    .option('--to <cluster>', 'name of the new cluster')
    .action(
      act(async (context, _, flags) => {
        const result = await init(context, await namesFrom(context, flags))
        const { renderInit } = await import('../../views/init.ts')
        context.print(renderInit(result.skeleton, result.variables, result.names))
        return EXIT.done
      }),
    )
