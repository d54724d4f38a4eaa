import { isAbsolute, relative } from 'node:path'
import type { Diagnostic, Place } from '../domain/diagnostic.ts'
import type { Style } from './style.ts'
import { count, hanging, MAX_COLUMNS, printable } from './text.ts'

export interface DiagnosticsView {
  readonly style: Style
  readonly columns: number
  /** Paths are shown relative to it. */
  readonly cwd: string
  /** What the same run has told before; it counts too. */
  readonly before?: readonly Diagnostic[]
}

/** Errors first, then by place, code and text; each once. For display only: what stopped Ferry is the first in the producer's order. */
export const sortedOnce = (diagnostics: readonly Diagnostic[]): readonly Diagnostic[] => {
  const keyed = new Map(diagnostics.map((each) => [sortKey(each), each] as const))
  return [...keyed].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, each]) => each)
}

const sortKey = (d: Diagnostic): string =>
  [
    d.severity,
    d.at?.file ?? '',
    padded(d.at?.line),
    padded(d.at?.column),
    d.code,
    d.summary,
    d.detail,
    d.fix,
  ].join('\u0000')
const padded = (n: number | undefined): string => (n ?? 0).toString().padStart(9, '0')

/** `plans/orders.yaml:12:5`, as editors and terminals understand it. */
export const renderPlace = (at: Place, cwd: string): string => {
  const near = isAbsolute(at.file) ? relative(cwd, at.file) : at.file
  return printable(`${near.startsWith('..') ? at.file : near}:${at.line}:${at.column}`)
}

/** All of them, with a blank line between and the number of each severity at the end. Empty for none. */
export const renderDiagnostics = (
  diagnostics: readonly Diagnostic[],
  view: DiagnosticsView,
): string => {
  const sorted = sortedOnce(diagnostics)
  if (sorted.length === 0) return ''
  const blocks = sorted.map((each) => renderOne(each, view))
  const all = sortedOnce([...(view.before ?? []), ...sorted])
  return `${blocks.join('\n\n')}\n${all.length > 1 ? `\n${renderCounts(all)}.\n` : ''}`
}

/** `2 errors, 1 warning` */
export const renderCounts = (diagnostics: readonly Diagnostic[]): string => {
  const errors = diagnostics.filter((each) => each.severity === 'error').length
  const warnings = diagnostics.length - errors
  return [
    ...(errors > 0 ? [count(errors, 'error')] : []),
    ...(warnings > 0 ? [count(warnings, 'warning')] : []),
  ].join(', ')
}

const renderOne = (d: Diagnostic, { style, columns, cwd }: DiagnosticsView): string => {
  const width = Math.min(Math.max(columns, 40), MAX_COLUMNS)
  const severity = d.severity === 'error' ? style.error('error') : style.warning('warning')
  const place = d.at === undefined ? '' : `  ${style.dim(renderPlace(d.at, cwd))}`
  return [
    `${severity} ${style.bold(d.code)} ${style.bold(printable(d.summary))}${place}`,
    ...(d.detail === '' ? [] : [hanging('  ', d.detail, width)]),
    ...(d.fix === '' ? [] : [hanging('  fix: ', d.fix, width)]),
  ].join('\n')
}
