import type { PlannedMigration } from '../app/apply-plans.ts'
import { type Grave, wantsConfirmation } from '../domain/consent.ts'
import { diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { Plan } from '../domain/plan.ts'
import { listed } from '../views/text.ts'
import type { Context } from './context.ts'

const SAYS: Readonly<Record<Grave, string>> = {
  'one-way': 'has steps that cannot be undone',
  'gives-up-rollback': 'gives up a rollback that is sealed on the source',
}

/**
 * Gets approval for plans that are about to run, and answers which migrations may run steps that want to be confirmed.
 * Typing a migration's name is the confirmation; `yes` is enough where everything can be undone.
 */
export const ask = async (
  context: Context,
  planned: readonly PlannedMigration[],
  given: { readonly approved: boolean; readonly confirmed: readonly string[] },
): Promise<ReadonlySet<string>> => {
  const confirmed = new Set(given.confirmed)
  const grave = planned.flatMap(({ plan, migration: { name } }) => {
    const why = new Set(plan.steps.flatMap((step) => wantsConfirmation(step) ?? []))
    return why.size === 0 || confirmed.has(name) ? [] : [{ name, why }]
  })
  // Without a terminal the applier refuses such steps unconfirmed, and says how to confirm them.
  if (given.approved && (grave.length === 0 || !context.canAsk)) return confirmed
  if (!context.canAsk) throw nobodyToAsk(planned)
  for (const { name, why } of grave) {
    const says = [...why].map((each) => SAYS[each]).join(' and ')
    await expect(context, `${name} ${says}. To apply that, type ${name}: `, name)
    confirmed.add(name)
  }
  if (!given.approved && grave.length < planned.length) {
    await expect(context, 'Apply? Only yes is accepted: ', 'yes')
  }
  return confirmed
}

/** Asks the person at the terminal, and throws FERRY1107 unless the answer is the wanted one. */
export const expect = async (context: Context, question: string, wanted: string): Promise<void> => {
  context.progress.clear()
  const answer = await context.streams.ask(question, context.stopping).catch((error: unknown) => {
    if (context.stopping.aborted) return undefined
    throw error
  })
  if (answer?.trim() === wanted) return
  throw new FerryError(
    diagnostic({
      code: 'FERRY1107',
      detail: `The answer was not ${wanted}, so nothing was changed.`,
      fix: `Run it again and answer ${wanted} to go on.`,
    }),
  )
}

/** The command that writes such a plan to a file. */
export const planningCommand = ({ migration, purpose }: Pick<Plan, 'migration' | 'purpose'>) => {
  switch (purpose.kind) {
    case 'migrate':
      return `ferry plan ${migration}`
    case 'rollback':
      return `ferry rollback ${migration} --to ${purpose.to}`
    case 'resync':
      return ['ferry resync', migration, ...purpose.topics.map((each) => `--topic ${each}`)].join(
        ' ',
      )
    case 'accept-gap':
      return [
        'ferry resync',
        migration,
        ...purpose.gaps.map((each) => `--accept-gap ${each}`),
      ].join(' ')
  }
}

const nobodyToAsk = (planned: readonly PlannedMigration[]): FerryError => {
  const names = planned.map((each) => each.migration.name)
  const command = planned[0] && planningCommand(planned[0].plan)
  return new FerryError(
    diagnostic({
      code: 'FERRY1106',
      detail: `The plan of ${listed(names)} changes something, and there is no terminal on which to ask.`,
      fix: `Review a plan file and apply that (\`${command} -o FILE\`, \`ferry apply FILE\`), or give --auto-approve.`,
    }),
  )
}
