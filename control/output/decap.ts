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
  const notes = interfaces.flatMap(changesOf)
  return [
    ...interfaces.map(line),
    ...notes,
    rows.length > 0 ? `\n${table(COLUMNS, rows)}` : '',
  ].join('')
}

/** What is sent to the new MAC address, or to a new address, passes as it is. */
function changesOf({ name, present, changed }: DecapView): string[] {
  if (!present || changed.length === 0) return []
  const what = changed.map(one =>
    one === 'mac' ? 'its MAC address' : 'the addresses of this host',
  )
  const have = changed.length === 1 && changed[0] === 'mac' ? 'has' : 'have'
  return [`! ${name}: ${what.join(' and ')} ${have} changed since; try xlvs decap ${name}\n`]
}

function line({ name, mode, present, addresses }: DecapView): string {
  if (!present) return `${name} has gone or lost the program; try xlvs decap ${name}\n`
  return `${name} decapsulates (${mode}) for ${addresses.join(', ') || 'no address'}\n`
}
