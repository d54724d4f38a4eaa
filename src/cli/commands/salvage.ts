import { Command } from 'commander'
import type { SalvagedRange } from '../../app/salvage.ts'
import type { Migration } from '../../domain/migration.ts'
import { isSet, names, textFlag, wrongUse } from '../args.ts'
import { type Context, mirrorTimings, planOptions, withSession } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import type { Act } from '../verb.ts'

/** Appends the late records of a migration once; without its name as confirmation it only tells which they are. */
export const salvage = (
  context: Context,
  name: string,
  confirmed: string | undefined,
): Promise<readonly SalvagedRange[]> =>
  withSession(context, [name], async (session) => {
    const app = await import('../../app/salvage.ts')
    const { DEFAULT_TIMINGS } = await import('../../mirror/mirror.ts')
    const migration = session.migrations[0] as Migration
    const stranded = await app.findStranded(session, migration, context.signal)
    const open = (await session.store.readDecisions(name))?.salvages.some(
      ({ status }) => status === 'pending',
    )
    if (stranded.length === 0 && !open) return []
    if (confirmed !== name) throw app.unconfirmedSalvage(migration, stranded)
    const timings = mirrorTimings(context.streams.env, DEFAULT_TIMINGS)
    return app.salvage(session, migration, { ...planOptions(context), timings, log: context.log })
  })

export const salvageCommand = (act: Act): Command =>
  new Command('salvage')
    .summary('append records that came too late')
    .description(
      'Appends to the target what a forgotten producer wrote to the source after the topic was sealed and producers were let onto the target: each record once, in its order, behind what is there now. Stop that producer first. Without --confirm it only names the ranges. May be run again after any failure: it goes on where it stopped.',
    )
    .argument('<name>', 'the migration')
    .option('--confirm <name>', 'the name once more')
    .option('--json', 'as JSON')
    .action(
      act(
        async (context, args, flags) => {
          const [name] = names(args)
          if (name === undefined)
            throw wrongUse('A name is missing.', 'Give one: `ferry salvage orders`.')
          const done = await salvage(context, name, textFlag(flags, 'confirm'))
          const { renderSalvaged, renderSalvagedJson } = await import('../../views/salvage.ts')
          const json = isSet(flags, 'json')
          context.print(json ? renderSalvagedJson(name, done) : renderSalvaged(name, done))
          return EXIT.done
        },
        { finishesStep: true },
      ),
    )
