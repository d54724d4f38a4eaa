import { Command } from 'commander'
import type { SalvageResult } from '../../app/salvage.ts'
import type { Migration } from '../../domain/migration.ts'
import { collected, isSet, listFlag, names, textFlag, wrongUse } from '../args.ts'
import { type Context, mirrorTimings, planOptions, withSession } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import type { Act } from '../verb.ts'
import { gapsToAccept } from './resync.ts'

export interface SalvageArgs {
  readonly name: string
  readonly confirmed: string | undefined
  /** Ranges that are given up, to go on without: `orders.events:3:100-149`. */
  readonly accept: readonly string[]
}

/** Appends the late records of a migration once; without its name as confirmation it only tells which they are. */
export const salvage = (
  context: Context,
  { name, confirmed, accept: named }: SalvageArgs,
): Promise<SalvageResult> =>
  withSession(context, [name], async (session) => {
    const found = await import('../../app/find-stranded.ts')
    const app = await import('../../app/salvage.ts')
    const { DEFAULT_TIMINGS } = await import('../../mirror/mirror.ts')
    const migration = session.migrations[0] as Migration
    const accept = gapsToAccept(named, { migration })
    const stranded = await found.findStranded(session, migration, context.signal)
    const state = await session.store.readDecisions(name)
    const open = state?.salvages.some(({ status }) => status === 'pending')
    const begun = state?.lost.filter(({ pending }) => pending) ?? []
    const isNothing = stranded.held.length === 0 && stranded.gone.length === 0
    if (isNothing && !open && begun.length === 0 && accept.length === 0) {
      if (stranded.open !== undefined) throw found.notEnded(migration, stranded.open)
      return { done: [], lost: [], there: [] }
    }
    if (confirmed !== name) throw found.unconfirmedSalvage(migration, stranded, begun)
    const timings = mirrorTimings(context.streams.env, DEFAULT_TIMINGS)
    const { log } = context
    return app.salvage(session, migration, { ...planOptions(context), timings, log, accept })
  })

export const salvageCommand = (act: Act): Command =>
  new Command('salvage')
    .summary('append records that came too late')
    .description(
      'Appends to the target what a forgotten producer wrote to the source after the topic was sealed and producers were let onto the target: each record once, in its order, behind what is there now. Stop that producer first. Without --confirm it only names the ranges. What retention of the source took before it was salvaged is on no cluster any more, and of a salvage that broke off it may be unknown whether its last batch is on the target: --accept-gap goes on without it. May be run again after any failure: it goes on where it stopped.',
    )
    .argument('<name>', 'the migration')
    .option('--confirm <name>', 'the name once more')
    .option(
      '--accept-gap <range>',
      'go on without late source offsets TOPIC:PARTITION:FROM-TO (both inclusive) that are gone from the source, or on the target or not; can be given several times',
      collected,
      [],
    )
    .option('--json', 'as JSON')
    .action(
      act(
        async (context, args, flags) => {
          const [name] = names(args)
          if (name === undefined)
            throw wrongUse('A name is missing.', 'Give one: `ferry salvage orders`.')
          const result = await salvage(context, {
            name,
            confirmed: textFlag(flags, 'confirm'),
            accept: listFlag(flags, 'acceptGap'),
          })
          const { renderSalvaged, renderSalvagedJson } = await import('../../views/salvage.ts')
          const json = isSet(flags, 'json')
          context.print(json ? renderSalvagedJson(name, result) : renderSalvaged(name, result))
          return EXIT.done
        },
        { finishesStep: true },
      ),
    )
