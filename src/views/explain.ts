import type { CodePage } from '../domain/diagnostic-codes.ts'
import type { Style } from './style.ts'
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
