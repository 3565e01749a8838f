/** `xlvs decap` for people: each interface with its addresses and counters. Pure. */
import type { DecapView } from '../model/decap.ts'
import { table, type Column } from './table.ts'

const COLUMNS: readonly Column[] = [
  { title: 'INTERFACE' },
  { title: 'WHAT' },
  { title: 'PACKETS', align: 'right' },
]

/** A line for each interface, then what became of packets. */
export function decapText(interfaces: readonly DecapView[]): string {
  if (interfaces.length === 0) return 'nothing is decapsulated here; try xlvs decap IFACE\n'
  const rows = interfaces.flatMap(({ name, packets }) =>
    packets.map(({ what, packets: n }) => [name, what, `${n}`]),
  )
  return [...interfaces.map(line), rows.length > 0 ? `\n${table(COLUMNS, rows)}` : ''].join('')
}

function line({ name, mode, present, addresses }: DecapView): string {
  if (!present) return `${name} has gone or lost the program; try xlvs decap ${name}\n`
  return `${name} decapsulates (${mode}) for ${addresses.join(', ') || 'no address'}\n`
}
