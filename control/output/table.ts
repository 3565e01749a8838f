/**
 * Aligned columns for people. Pure: rows in, text out; colour is the caller's to allow.
 */

export interface Column {
  title: string
  /** Numbers read better on the right; default left. */
  align?: 'left' | 'right'
}

/** A table with a header line; columns two spaces apart, no blanks at the ends of lines. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((column, i) =>
    Math.max(column.title.length, ...rows.map(row => (row[i] ?? '').length)),
  )
  const line = (cells: readonly string[]): string =>
    columns
      .map((column, i) => {
        const cell = cells[i] ?? ''
        const width = widths[i] ?? 0
        return column.align === 'right' ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('  ')
      .trimEnd()
  return [columns.map(column => column.title), ...rows].map(line).join('\n') + '\n'
}
