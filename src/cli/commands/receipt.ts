import { resolve } from 'node:path'
import { Command } from 'commander'
import type { Receipt } from '../../domain/receipt.ts'
import { isSet, names, outputFlag } from '../args.ts'
import { type Context, withSession } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import type { Act } from '../verb.ts'

/** The receipt of a migration that is retired, from its state. Asks no broker but for a state that is on one. */
export const receipt = (context: Context, name: string): Promise<Receipt> =>
  withSession(
    context,
    [name],
    async (session) => {
      const { storedReceipt } = await import('../../app/receipts.ts')
      return storedReceipt(session, name)
    },
    'store',
  )

export const receiptCommand = (act: Act): Command =>
  new Command('receipt')
    .summary('the receipt of a migration that is retired')
    .description(
      'Prints what was moved, as it was written when the migration was retired: who, by which plan, marks, seals, digests of the offset index and of the records of every partition, positions of the groups before and after. JSON, or Markdown for people. `ferry verify NAME --receipt` takes every figure again.',
    )
    .argument('<name>', 'the migration')
    .option('-o, --output <file>', 'write it to a file instead')
    .option('--markdown', 'as Markdown')
    .action(
      act(async (context, args, flags) => {
        const [name = ''] = names(args)
        const [output, markdown] = [outputFlag(flags, context.cwd), isSet(flags, 'markdown')]
        const found = await receipt(context, name)
        const { renderReceiptMarkdown } = await import('../../views/receipt.ts')
        const { receiptText } = await import('../../domain/receipt.ts')
        const text = markdown ? renderReceiptMarkdown(found) : receiptText(found)
        if (output === undefined) context.print(text)
        else {
          const { replaceText } = await import('../../app/write-text.ts')
          await replaceText(resolve(context.cwd, output), text)
          context.progress.note(`The receipt is in ${output}.`)
        }
        return EXIT.done
      }),
    )
