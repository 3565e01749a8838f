/**
 * IPVS as a plain model: connections in a list, dests in the kernel's order, the TCP table as text.
 * Slow and obvious; ipvs.test.ts asks it and the director the same questions.
 * Source: ip_vs_core.c, ip_vs_proto_tcp.c, ip_vs_rr.c (v6.12).
 */

const STATES = ['NO', 'ES', 'SS', 'SR', 'FW', 'TW', 'CL', 'CW', 'LA', 'LI', 'SA']
export const STATE_NAME: Record<string, string> = {
  ...{ ES: 'ESTABLISHED', SS: 'SYN_SENT', SR: 'SYN_RECV', FW: 'FIN_WAIT', TW: 'TIME_WAIT' },
  ...{ CL: 'CLOSE', CW: 'CLOSE_WAIT', LA: 'LAST_ACK', LI: 'LISTEN', SA: 'SYNACK', NO: 'UDP' },
}
const TIMEOUT_S: Record<string, number> = {
  ...{ NO: 300, ES: 900, SS: 120, SR: 60, FW: 120, TW: 120 },
  ...{ CL: 10, CW: 60, LA: 30, LI: 120, SA: 120 },
}
const ACTIVE = new Set(['ES', 'SS', 'SR', 'SA'])
/** Next states by direction and event, in the order of STATES. */
const NEXT: Record<string, string> = {
  'input S': 'SR ES ES SR SR SR SR SR SR SR SR',
  'input F': 'CL CW SS TW TW TW CL CW LA LI TW',
  'input A': 'ES ES SS ES FW TW CL CW CL LI ES',
  'input R': 'CL CL CL SR CL CL CL CL LA LI SR',
  'output S': 'SS ES SS SR SS SS SS SS SS LI SR',
  'output F': 'TW FW SS TW FW TW CL TW LA LI TW',
  'output A': 'ES ES SS ES FW TW CL CW LA ES ES',
  'output R': 'CL CL SS CL CL TW CL CL CL CL CL',
  'input-only S': 'SR ES ES SR SR SR SR SR SR SR SR',
  'input-only F': 'CL FW SS TW FW TW CL CW LA LI TW',
  'input-only A': 'ES ES SS ES FW TW CL CW CL LI ES',
  'input-only R': 'CL CL CL SR CL CL CL CL LA LI CL',
}

/** Why a request leaves that is sent on. */
const LEAVES = { nat: 'nat request', dr: 'direct', tun: 'tunnel' }

export interface ModelDest {
  address: string
  weight: number
  isThere: boolean
  active: number
  inactive: number
}

export interface ModelService {
  protocol: 'tcp' | 'udp'
  /** Virtual address. */
  address: string
  port: number
  fwd: 'nat' | 'dr' | 'tun'
  /** Newest first; those removed are not in it. */
  list: ModelDest[]
  /** The last used, or the list's head. */
  last: ModelDest | undefined
  /** Every dest it ever had, by address. */
  known: Map<string, ModelDest>
}

export interface ModelConn {
  service: ModelService
  cport: number
  dest: ModelDest
  state: string
  /** Second until which it lives. */
  until: number
}

export class Ipvs {
  now = 0
  conns: ModelConn[] = []

  addDest(service: ModelService, address: string, weight: number): void {
    const dest = service.known.get(address) ?? {
      address,
      weight,
      isThere: true,
      active: 0,
      inactive: 0,
    }
    Object.assign(dest, { weight, isThere: true })
    service.known.set(address, dest)
    service.list.unshift(dest)
  }

  removeDest(service: ModelService, dest: ModelDest): void {
    const at = service.list.indexOf(dest)
    if (service.last === dest) service.last = service.list[at - 1]
    service.list.splice(at, 1)
    dest.isThere = false
  }

  alive(): ModelConn[] {
    return this.conns.filter(c => c.until >= this.now)
  }

  /** Frees what has expired; connections ended by a SYN at this very moment stay for once. */
  sweep(): void {
    for (const conn of this.conns.filter(c => c.until < this.now && c.until !== this.now - 0.5))
      conn.dest[ACTIVE.has(conn.state) ? 'active' : 'inactive']--
    this.conns = this.conns.filter(c => c.until >= this.now || c.until === this.now - 0.5)
  }

  /** Why a client's packet leaves, and the dest it goes to. */
  request(service: ModelService, cport: number, flags: string): string {
    const found = this.find(service, cport)
    const conn = found && flags.includes('S') && this.#renew(found) ? undefined : found
    if (conn) return conn.dest.isThere ? this.#take(conn, 'input', flags) : 'dest gone'
    const starts = service.protocol === 'udp' || (flags.includes('S') && !flags.includes('R'))
    if (!starts) return 'no connection'
    const dest = this.#pick(service)
    if (!dest) return 'no dest'
    dest.inactive++
    const made = { service, cport, dest, state: 'NO', until: this.now }
    this.conns.push(made)
    return this.#take(made, 'input', flags)
  }

  /** Why a NAT dest's packet leaves. */
  reply(service: ModelService, dest: ModelDest, cport: number, flags: string): string | undefined {
    const conn = this.find(service, cport)
    if (conn?.dest !== dest) return undefined
    this.#take(conn, 'output', flags)
    return 'nat reply'
  }

  /** The living connection of a client's port. */
  find(service: ModelService, cport: number): ModelConn | undefined {
    return this.alive().find(c => c.service === service && c.cport === cport)
  }

  /** The reuse check, mode 1: an ended connection makes way for a new one. */
  #renew(conn: ModelConn): boolean {
    if (conn.state !== 'TW' && conn.state !== 'CL') return false
    conn.until = this.now - 0.5
    return true
  }

  #take(conn: ModelConn, direction: 'input' | 'output', flags: string): string {
    const { dest, service } = conn
    const isNat = service.fwd === 'nat'
    if (service.protocol === 'tcp') {
      const next = nextState(isNat ? direction : 'input-only', flags, conn.state)
      dest[ACTIVE.has(conn.state) ? 'active' : 'inactive']--
      dest[ACTIVE.has(next) ? 'active' : 'inactive']++
      conn.state = next
    }
    conn.until = this.now + (TIMEOUT_S[conn.state] ?? 0)
    return `${LEAVES[service.fwd]} ${dest.address}`
  }

  #pick(service: ModelService): ModelDest | undefined {
    const from = service.last ? service.list.indexOf(service.last) : -1
    const turn = [...service.list.slice(from + 1), ...service.list.slice(0, from + 1)]
    const found = turn.find(d => d.weight > 0)
    if (found) service.last = found
    return found
  }
}

function nextState(direction: string, flags: string, state: string): string {
  const event = ['R', 'S', 'F', 'A'].find(letter => flags.includes(letter))
  if (event === undefined) return 'CL'
  return NEXT[`${direction} ${event}`]?.split(' ')[STATES.indexOf(state)] ?? '?'
}
