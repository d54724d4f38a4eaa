import { Command } from 'commander'
import type { Session } from '../../app/open-session.ts'
import type { LockHolder } from '../../state/state-store.ts'
import { names, textFlag, wrongUse } from '../args.ts'
import { type Context, withSession } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import type { Act } from '../verb.ts'

export interface UnlockResult {
  readonly migration: string
  /** Who had it; undefined: nobody. */
  readonly freed: LockHolder | undefined
}

/** Takes the lock from whoever has it. A process that still runs is refused at its next write. Asks no broker unless the state is on one. */
export const unlock = (
  context: Context,
  name: string,
  confirmed: string | undefined,
): Promise<UnlockResult> => {
  const work = async ({ project, store }: Session): Promise<UnlockResult> => {
    const holder = await store.lockHolder(name)
    if (holder === undefined) {
      const { refuseUnknownName } = await import('../../app/open-session.ts')
      await refuseUnknownName({ project, store }, name)
      return { migration: name, freed: undefined }
    }
    if (confirmed !== name) {
      const { duration } = await import('../../views/text.ts')
      const age = Math.max(0, context.streams.now().getTime() - Date.parse(holder.since))
      const held = `${name} is locked by ${holder.user} on ${holder.host}, process ${holder.pid}: ${holder.operation}, for ${duration(age)} (since ${holder.since}).`
      if (!context.canAsk) {
        throw wrongUse(
          held,
          `See that this process does not run any more, then: ferry unlock ${name} --confirm ${name}.`,
        )
      }
      const { expect } = await import('../ask.ts')
      await expect(
        context,
        `${held}\nIf that process still runs, its next write is refused. To free the lock, type ${name}: `,
        name,
      )
    }
    return { migration: name, freed: await store.breakLock(name) }
  }
  return withSession(context, [], work, 'store')
}

export const unlockCommand = (act: Act): Command =>
  new Command('unlock')
    .summary('free the lock of a process that is gone')
    .description(
      'Frees the lock of a migration. Only needed where the process that took it is gone and ran on another machine: a dead one of this machine is noticed by itself.',
    )
    .argument('<name>', 'the migration')
    .option('--confirm <name>', 'the name once more')
    .action(
      act(async (context, args, flags) => {
        const [name] = names(args)
        if (name === undefined)
          throw wrongUse('A name is missing.', 'Give one: `ferry unlock orders`.')
        const { freed } = await unlock(context, name, textFlag(flags, 'confirm'))
        context.print(
          freed === undefined
            ? `${name} is not locked.\n`
            : `Freed the lock of ${freed.user} on ${freed.host}, process ${freed.pid}.\n`,
        )
        return EXIT.done
      }),
    )
