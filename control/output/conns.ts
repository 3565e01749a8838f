/**
 * `xlvs conns` for people. Pure.
 */
import { destName, type ConnView } from '../model/service.ts'
import { table, type Column } from './table.ts'

const COLUMNS: readonly Column[] = [
  { title: 'PROTOCOL' },
  { title: 'STATE' },
  { title: 'EXPIRES S', align: 'right' },
  { title: 'CLIENT' },
  { title: 'VIRTUAL' },
  { title: 'DEST' },
  { title: 'FWD' },
]

/** One line a connection, in the director's order. */
export function connsText(conns: readonly ConnView[]): string {
  if (conns.length === 0) return 'no connections\n'
  return table(
    COLUMNS,
    conns.map(({ protocol, state, expiresS, client, virtual, dest, fwd }) => [
      protocol,
      state,
      `${expiresS}`,
      destName(client),
      destName(virtual),
      destName(dest),
      fwd,
    ]),
  )
}
