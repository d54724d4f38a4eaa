import { createWriteStream } from 'node:fs'
import { resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Command } from 'commander'
import type { IndexFormat } from '../../app/export-index.ts'
import { diagnostic, FerryError } from '../../domain/diagnostic.ts'
import type { Migration } from '../../domain/migration.ts'
import { names, textFlag, wrongUse } from '../args.ts'
import { type Context, withSession } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import type { Act, RawFlags } from '../verb.ts'

export interface IndexArgs {
  readonly name: string
  readonly output: string | undefined
  readonly format: IndexFormat
}

export const indexArgs = (args: readonly unknown[], flags: RawFlags): IndexArgs => {
  const [action, name] = names(args)
  if (action !== 'export' || name === undefined) {
    throw wrongUse('`ferry index` knows one action.', 'Write `ferry index export NAME`.')
  }
  const output = textFlag(flags, 'output')
  const format = textFlag(flags, 'format') ?? (output?.endsWith('.csv') ? 'csv' : 'jsonl')
  if (format !== 'csv' && format !== 'jsonl') {
    throw wrongUse(`--format cannot be ${JSON.stringify(format)}.`, 'Give jsonl or csv.')
  }
  return { name, output, format }
}

/** Writes the index to the file, or prints it. */
export const indexExport = (context: Context, args: IndexArgs): Promise<void> =>
  withSession(context, [args.name], async (session) => {
    const { exportIndex } = await import('../../app/export-index.ts')
    const lines = exportIndex(session, session.migrations[0] as Migration, args.format)
    if (args.output === undefined) {
      for await (const line of lines) context.print(line)
      return
    }
    const path = resolve(context.cwd, args.output)
    // What fails before the first line must not leave an empty file.
    const first = await lines.next()
    const all = async function* () {
      if (!first.done) yield first.value
      yield* lines
    }
    await pipeline(Readable.from(all()), createWriteStream(path)).catch((cause: unknown) => {
      if (cause instanceof FerryError) throw cause
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new FerryError(
        diagnostic({
          code: 'FERRY1111',
          detail: `${path} cannot be written: ${why}.`,
          fix: 'Give a path in a folder that exists and that you may write to.',
        }),
        { cause },
      )
    })
    context.progress.note(`The offset index is in ${args.output}.`)
  })

export const indexCommand = (act: Act): Command =>
  new Command('index')
    .summary('write the offset index for positions kept elsewhere')
    .description(
      'Writes what maps offsets of the source to those of the target, for systems that keep positions outside of Kafka (checkpoints of Flink and Spark, databases): a line for each run of records without holes, with topic, partition, sourceFrom, sourceTo (exclusive) and targetFrom. A position o within a run is targetFrom + (o - sourceFrom); one between two runs is the targetFrom of the next; one at the last sourceTo is the end of what is mirrored. Read-only.',
    )
    .argument('<action>', 'export')
    .argument('<name>', 'the migration')
    .option('-o, --output <file>', 'write to a file instead; .csv writes CSV')
    .option('--format <format>', 'jsonl (default) or csv')
    .action(
      act(async (context, args, flags) => {
        await indexExport(context, indexArgs(args, flags))
        return EXIT.done
      }),
    )
