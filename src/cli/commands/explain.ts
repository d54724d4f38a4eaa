import { Command } from 'commander'
import { nearMatches } from '../../app/near-matches.ts'
import { type DiagnosticCode, diagnostic, FerryError } from '../../domain/diagnostic.ts'
import { CODES, type CodePage } from '../../domain/diagnostic-codes.ts'
import { names } from '../args.ts'
import { EXIT } from '../exit-codes.ts'
import type { Act } from '../verb.ts'

export interface ExplainResult extends CodePage {
  readonly code: DiagnosticCode
}

/** The page of a code. `1203` and `ferry1203` will do for FERRY1203. */
export const explain = (text: string): ExplainResult => {
  const wanted = text.toUpperCase().replace(/^(FERRY)?(?=\d{4}$)/, 'FERRY')
  const pages: Readonly<Record<string, CodePage>> = CODES
  const found = Object.hasOwn(pages, wanted) ? pages[wanted] : undefined
  if (found === undefined) throw unknownCode(text, wanted)
  return { code: wanted as DiagnosticCode, ...found }
}

const unknownCode = (text: string, wanted: string): FerryError => {
  const all = Object.keys(CODES).sort()
  const [digits = ''] = /\d+/.exec(wanted) ?? []
  // Codes of the same range are about the same thing, which helps more than all of them; of one that was cut off, those that begin so.
  const begins = `FERRY${digits.length < 4 ? digits : digits.slice(0, 2)}`
  const range = digits === '' ? [] : all.filter((code) => code.startsWith(begins))
  return new FerryError(
    diagnostic({
      code: 'FERRY1108',
      detail: `There is no code ${JSON.stringify(text)}.`,
      fix: `${range.length > 0 ? `${nearMatches(wanted, range, 'codes near it')} ` : ''}\`ferry explain\` lists all of them.`,
    }),
  )
}

export const explainCommand = (act: Act): Command =>
  new Command('explain')
    .summary('what a diagnostic code means, and the ways on')
    .description(
      'Tells more about a code that Ferry printed, such as FERRY1203: what it means, why Ferry stops there, and the ways on. Without a code it lists all of them.',
    )
    .argument('[code]', 'the code')
    .action(
      act(async (context, args) => {
        const [code] = names(args)
        const { renderCodeList, renderCodePage } = await import('../../views/explain.ts')
        context.print(
          code === undefined
            ? renderCodeList(CODES)
            : renderCodePage(explain(code), context.style, context.streams.columns),
        )
        return EXIT.done
      }),
    )
