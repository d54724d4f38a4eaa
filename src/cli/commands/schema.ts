import { Command } from 'commander'
import { nearMatches } from '../../app/near-matches.ts'
import { diagnostic, FerryError } from '../../domain/diagnostic.ts'
import { names } from '../args.ts'
import { EXIT } from '../exit-codes.ts'
import type { Act } from '../verb.ts'

export const SCHEMA_KINDS = [
  'project',
  'cluster',
  'migration',
  'plan',
  'status',
  'events',
  'receipt',
] as const
export type SchemaKind = (typeof SCHEMA_KINDS)[number]

/** The JSON schema of a kind of file, as it is published. Its kind may be written as in the file: `Migration`. */
export const schema = async (kind: string): Promise<string> => {
  const known = SCHEMA_KINDS.find((each) => each === kind.toLowerCase())
  if (known === undefined) {
    throw new FerryError(
      diagnostic({
        code: 'FERRY1112',
        detail: `Ferry knows no kind of file ${JSON.stringify(kind)}.`,
        fix: nearMatches(kind, SCHEMA_KINDS, 'kinds'),
      }),
    )
  }
  const { readSchema } = await import('../../app/plan-structure.ts')
  return readSchema(known)
}

export const schemaCommand = (act: Act): Command =>
  new Command('schema')
    .summary('print the JSON schema of a kind of file')
    .description(
      'Prints a JSON schema: for editors, which complete and check plan files with it, and for programs that read plans.',
    )
    .argument('<kind>', SCHEMA_KINDS.join(', '))
    .action(
      act(async (context, args) => {
        context.print(await schema(names(args)[0] ?? ''))
        return EXIT.done
      }),
    )
