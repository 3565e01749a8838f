/**
 * ipvsadm's listing of connections: -Lc. Pure; names are handed in.
 * Source: ipvsadm.c (v1.31), list_conn(), print_conn().
 */
import type { ConnView } from '../model/service.ts'
import { endpoint, type Names } from './names.ts'

const HEADER =
  'IPVS connection entries\n' +
  'pro expire state       source             virtual            destination'

/** Connections in the order given; with `engines` the columns of --persistent-conn. */
export function listConns(conns: readonly ConnView[], engines: boolean, names: Names): string {
  const header = HEADER + (engines ? '        pe name          pe_data\n' : '\n')
  return header + conns.map(conn => `${connLine(conn, engines, names)}\n`).join('')
}

function connLine(conn: ConnView, engines: boolean, names: Names): string {
  const { protocol, state, expiresS, client, virtual, dest, engine } = conn
  const named = protocol === 'ip' ? undefined : protocol
  return [
    protocol.toUpperCase().padEnd(3),
    minutes(expiresS).padEnd(6),
    state.padEnd(11),
    ...[client, virtual].map(end => endpoint(end, named, names).padEnd(18)),
    ...(engines && engine
      ? [endpoint(dest, named, names).padEnd(16), engine.name.padEnd(18), engine.data]
      : [endpoint(dest, named, names)]),
  ].join(' ')
}

/** Minutes may have more than two digits. */
function minutes(seconds: number): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${two(Math.floor(seconds / 60))}:${two(seconds % 60)}`
}
