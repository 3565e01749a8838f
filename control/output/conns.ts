/**
 * `xlvs conns` for people. Pure.
 */
import { destName, type ConnView } from '../model/service.ts'
import { tableInParts, type Column } from './table.ts'

const COLUMNS: readonly Column[] = [
  { title: 'PROTOCOL' },
  { title: 'STATE' },
  { title: 'EXPIRES S', align: 'right' },
  { title: 'CLIENT' },
  { title: 'VIRTUAL' },
  { title: 'DEST' },
  { title: 'FWD' },
  { title: 'ENGINE' },
]

/** A list that is printed some at a time, as there may be millions. */
export interface Parts {
  some(conns: readonly ConnView[]): string
  /** What comes after the last. */
  end(): string
}

/** One line a connection, in the director's order. */
export function connsText(): Parts {
  const print = tableInParts(COLUMNS)
  let isEmpty = true
  return {
    some: conns => {
      if (conns.length === 0) return ''
      isEmpty = false
      return print(conns.map(row))
    },
    end: () => (isEmpty ? 'no connections\n' : ''),
  }
}

/** {"conns": [...]}, a connection a line. */
export function connsJson(): Parts {
  let before = '{"conns": [\n'
  return {
    some: conns => {
      const lines = conns.map((conn, i) => (i === 0 ? before : ',\n') + JSON.stringify(conn))
      if (conns.length > 0) before = ',\n'
      return lines.join('')
    },
    end: () => (before === ',\n' ? '\n]}\n' : '{"conns": []}\n'),
  }
}

function row(conn: ConnView): string[] {
  const { protocol, state, expiresS, client, virtual, dest, fwd, engine } = conn
  const ends = [client, virtual, dest].map(destName)
  return [
    protocol,
    state,
    `${expiresS}`,
    ...ends,
    fwd,
    engine ? `${engine.name} ${engine.data}` : '',
  ]
}
