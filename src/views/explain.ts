import type { CodePage } from '../domain/diagnostic-codes.ts'
import type { Style } from './style.ts'
import { table } from './table.ts'
import { hanging, MAX_COLUMNS } from './text.ts'

export interface CodePageView extends CodePage {
  readonly code: string
}

export const renderCodePage = (page: CodePageView, style: Style, columns: number): string => {
  const width = Math.min(Math.max(columns, 40), MAX_COLUMNS)
  return [
    style.bold(`${page.code} ${page.title}`),
    '',
    hanging('', page.explanation, width),
    '',
    `Exit code ${page.exitCode}.`,
    '',
  ].join('\n')
}

/** All codes with their titles and exit codes, by number. */
export const renderCodeList = (codes: Readonly<Record<string, CodePage>>): string =>
  `${table(
    [{ title: 'code' }, { title: 'exit', align: 'right' }, { title: 'title' }],
    Object.entries(codes)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([code, { title, exitCode }]) => [code, String(exitCode), title]),
    '',
  )}\n`
