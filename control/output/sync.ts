/** Sync daemons for people: a table, and what they do not do yet. Pure. */
import type { SyncDaemonView } from '../model/sync.ts'
import type { Style } from './style.ts'
import { table, type Column } from './table.ts'

const COLUMNS: readonly Column[] = [
  { title: 'ROLE' },
  { title: 'INTERFACE' },
  { title: 'SYNC ID', align: 'right' },
  { title: 'MAX LEN', align: 'right' },
  { title: 'GROUP' },
  { title: 'PORT', align: 'right' },
  { title: 'TTL', align: 'right' },
  { title: 'STATE' },
]

/** Those that run. */
export function daemonsText(daemons: readonly SyncDaemonView[], style: Style): string {
  const rows = daemons.map(({ role, interface: name, syncId, maxLen, group, port, ttl, ...rest }) =>
    [role, name, syncId, maxLen, group, port, ttl, stateOf(rest)].map(String),
  )
  const body = rows.length > 0 ? table(COLUMNS, rows) : 'no sync daemons\n'
  return body + idleDaemonsText(daemons, style)
}

function stateOf({ notActive }: { notActive: readonly string[] }): string {
  return notActive.length > 0 ? 'not active yet' : ''
}

/** A line for each that does nothing yet. */
export function idleDaemonsText(daemons: readonly SyncDaemonView[], style: Style): string {
  const idle = daemons.filter(({ notActive }) => notActive.length > 0)
  const lines = idle.map(
    ({ role, interface: name }) =>
      `${style.yellow('!')} the ${role} sync daemon on ${name} is not active yet: ` +
      'connections are not synchronised yet\n',
  )
  return lines.join('')
}
