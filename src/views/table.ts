import { printable } from './text.ts'

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

/** A table as wide as its cells: tables may scroll, prose may not. No line ends in spaces. */
export const table = (
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  indent = '  ',
): string => {
  const cells = [columns.map((column) => column.title), ...rows.map((row) => row.map(printable))]
  const widths = columns.map((_, index) =>
    Math.max(...cells.map((row) => (row[index] ?? '').length)),
  )
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
