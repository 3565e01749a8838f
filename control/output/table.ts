/**
 * Aligned columns for people. Pure: rows in, text out; colour is the caller's to allow.
 */

export interface Column {
  title: string
  /** Numbers read better on the right; default left. */
  align?: 'left' | 'right'
}

type Rows = readonly (readonly string[])[]

/** A table with a header line; columns two spaces apart, no blanks at the ends of lines. */
export function table(columns: readonly Column[], rows: Rows): string {
  return tableInParts(columns)(rows)
}

/**
 * A table whose rows come little by little: each call prints some. The header comes with the first,
 * and columns only grow, so that later rows are below what they belong to or a little to the right.
 */
export function tableInParts(columns: readonly Column[]): (rows: Rows) => string {
  const widths = columns.map(column => column.title.length)
  const header: Rows = [columns.map(column => column.title)]
  let isFirst = true
  const line = (cells: readonly string[]): string =>
    columns
      .map((column, i) => {
        const cell = cells[i] ?? ''
        const width = widths[i] ?? 0
        return column.align === 'right' ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('  ')
      .trimEnd()
  return rows => {
    for (const row of rows)
      for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
    const all = isFirst ? [...header, ...rows] : rows
    isFirst = false
    return all.map(row => `${line(row)}\n`).join('')
  }
}
