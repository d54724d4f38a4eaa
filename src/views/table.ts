import { clipMiddle, printable } from './text.ts'

/** A name that is cut shorter than this says nothing. */
const LEAST_NAME = 16

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

/**
 * A table as wide as its cells; with a `limit` its first column, the names, is cut in the middle so that a line is at most so long, but
 * never below a few characters. No line ends in spaces.
 */
export const table = (
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  indent = '  ',
  limit = Number.POSITIVE_INFINITY,
): string => {
  const whole = [columns.map((column) => column.title), ...rows.map((row) => row.map(printable))]
  const widest = (list: readonly (readonly string[])[], index: number): number =>
    list.reduce((most, row) => Math.max(most, (row[index] ?? '').length), 0)
  const others = columns.slice(1).reduce((sum, _, index) => sum + 2 + widest(whole, index + 1), 0)
  const room = Math.max(limit - indent.length - others, LEAST_NAME)
  const cells = whole.map(([name = '', ...rest]) => [clipMiddle(name, room), ...rest])
  const widths = columns.map((_, index) => widest(cells, index))
  return cells
    .map((row) => {
      const line = columns.map((column, index) => {
        const cell = row[index] ?? ''
        const width = widths[index] ?? 0
        return column.align === 'right' ? cell.padStart(width) : cell.padEnd(width)
      })
      return `${indent}${line.join('  ')}`.trimEnd()
    })
    .join('\n')
}
