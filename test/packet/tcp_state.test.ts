/**
 * The TCP states of a connection: every cell of IPVS' two tables, written here once more, then
 * walks of whole connections. Source: ip_vs_proto_tcp.c tcp_states, tcp_states_dos (v6.12).
 */
import test from 'ava'
import { TCP_STATE } from '../../control/abi/maps.gen.ts'
import { writeDefence } from '../../control/dataplane/settings.ts'
import { defence } from '../../control/plan/defence.ts'
import { director, type PacketDirector } from '../support/director.ts'
import { FAMILIES, paths, type Family } from '../support/families.ts'
import { at, tcp } from '../support/frames.ts'
import { requestSlot, setState, slotAt } from './table.ts'

function servicesOf(f: Family): string {
  return `
    tcp ${at(f.vip, 80)} rr
      -> ${at(f.dest(2), 8080)} nat weight 1
    tcp ${at(f.vip, 81)} rr
      -> ${at(f.dest(3), 81)} dr weight 1
    tcp ${at(f.vip, 82)} rr
      -> ${at(f.dest(4), 82)} tun weight 1`
}

/** Packets of a direction, from 40000 by NAT, 40001 by DR and 40002 by tunnel. */
function pathsOf(f: Family): Record<string, string> {
  const { request, reply } = paths(f)
  return {
    INPUT: request,
    OUTPUT: reply,
    'INPUT-ONLY': `${at(f.client, 40001)} > ${at(f.vip, 81)}`,
    'INPUT-ONLY by tunnel': `${at(f.client, 40002)} > ${at(f.vip, 82)}`,
  }
}

const CPORTS: Record<string, number> = {
  'INPUT-ONLY': 40001,
  'INPUT-ONLY by tunnel': 40002,
}
const FLAGS: Record<string, string> = { syn: 'S', fin: 'FA', ack: 'A', rst: 'RA', none: 'PU' }
const STATES = ['NO', 'ES', 'SS', 'SR', 'FW', 'TW', 'CL', 'CW', 'LA', 'LI', 'SA']

const TABLES = {
  normal: `
               NO ES SS SR FW TW CL CW LA LI SA
INPUT syn      SR ES ES SR SR SR SR SR SR SR SR
INPUT fin      CL CW SS TW TW TW CL CW LA LI TW
INPUT ack      ES ES SS ES FW TW CL CW CL LI ES
INPUT rst      CL CL CL SR CL CL CL CL LA LI SR
INPUT none     CL CL CL CL CL CL CL CL CL CL CL
OUTPUT syn     SS ES SS SR SS SS SS SS SS LI SR
OUTPUT fin     TW FW SS TW FW TW CL TW LA LI TW
OUTPUT ack     ES ES SS ES FW TW CL CW LA ES ES
OUTPUT rst     CL CL SS CL CL TW CL CL CL CL CL
OUTPUT none    CL CL CL CL CL CL CL CL CL CL CL
INPUT-ONLY syn SR ES ES SR SR SR SR SR SR SR SR
INPUT-ONLY fin CL FW SS TW FW TW CL CW LA LI TW
INPUT-ONLY ack ES ES SS ES FW TW CL CW CL LI ES
INPUT-ONLY rst CL CL CL SR CL CL CL CL LA LI CL
INPUT-ONLY none CL CL CL CL CL CL CL CL CL CL CL`,
  secure: `
               NO ES SS SR FW TW CL CW LA LI SA
INPUT syn      SR ES ES SR SR SR SR SR SR SR SA
INPUT fin      CL CW SS TW TW TW CL CW LA LI SA
INPUT ack      ES ES SS SR FW TW CL CW CL LI SA
INPUT rst      CL CL CL SR CL CL CL CL LA LI CL
INPUT none     CL CL CL CL CL CL CL CL CL CL CL
OUTPUT syn     SS ES SS SA SS SS SS SS SS LI SA
OUTPUT fin     TW FW SS TW FW TW CL TW LA LI TW
OUTPUT ack     ES ES SS ES FW TW CL CW LA ES ES
OUTPUT rst     CL CL SS CL CL TW CL CL CL CL CL
OUTPUT none    CL CL CL CL CL CL CL CL CL CL CL
INPUT-ONLY syn SA ES ES SR SA SA SA SA SA SA SA
INPUT-ONLY fin CL FW SS TW FW TW CL CW LA LI TW
INPUT-ONLY ack ES ES SS ES FW TW CL CW CL LI ES
INPUT-ONLY rst CL CL CL SR CL CL CL CL LA LI CL
INPUT-ONLY none CL CL CL CL CL CL CL CL CL CL CL`,
}

function linesOf(table: string): string[] {
  const lines = table.trim().split('\n')
  return lines.map(line => line.trim().replace(/ +/g, ' '))
}

/** Two states have others beside them, of connections that were never established. */
const SHOWN: Record<number, number> = {
  [TCP_STATE.TCP_TIME_WAIT_UNOPENED]: TCP_STATE.TCP_TIME_WAIT,
  [TCP_STATE.TCP_CLOSE_UNOPENED]: TCP_STATE.TCP_CLOSE,
}

function shown(state: number): string | undefined {
  return STATES[SHOWN[state] ?? state]
}

/** The row of the table that the director makes. */
function rowOf(lvs: PacketDirector, f: Family, direction: string, event: string): string {
  const cport = CPORTS[direction] ?? 40000
  const next = STATES.map((_, state) => {
    setState(lvs, requestSlot(lvs, cport, f), state, f)
    lvs.run(tcp(pathsOf(f)[direction] ?? '', FLAGS[event] ?? ''))
    return shown(requestSlot(lvs, cport, f).state)
  })
  return [direction.replace(' by tunnel', ''), event, ...next].join(' ')
}

for (const f of FAMILIES)
  for (const [name, last] of [
    ['normal', 'INPUT-ONLY'],
    ['normal', 'INPUT-ONLY by tunnel'],
    ['secure', 'INPUT-ONLY'],
    ['secure', 'INPUT-ONLY by tunnel'],
  ] as const)
    test(`tcp: every state and event of ${f.name}, ${last} last, the ${name} table`, async t => {
      const lvs = await director(t, servicesOf(f))
      lvs.dataplane.set({ conn_reuse_mode: 0 })
      writeDefence(lvs.kernel, defence({ secure_tcp: name === 'secure' ? 3 : 0 }, Infinity))
      const directions = ['INPUT', 'OUTPUT', last]
      for (const direction of ['INPUT', last]) lvs.run(tcp(pathsOf(f)[direction] ?? '', 'S'))

      const rows = directions.flatMap(direction =>
        Object.keys(FLAGS).map(event => rowOf(lvs, f, direction, event)),
      )

      t.deepEqual([STATES.join(' '), ...rows], linesOf(TABLES[name]))
    })

for (const f of FAMILIES)
  for (const [flags, event] of [
    ['SRFA', 'rst'],
    ['SFA', 'syn'],
    ['FA', 'fin'],
    ['F', 'fin'],
    ['PAU', 'ack'],
    ['PU', 'none'],
    ['', 'none'],
  ] as const)
    test(`tcp: flags "${flags}" on an open connection of ${f.name}, event ${event}`, async t => {
      const lvs = await director(t, servicesOf(f))
      lvs.run(tcp(pathsOf(f)['INPUT'] ?? '', 'S'))
      setState(lvs, requestSlot(lvs, 40000, f), TCP_STATE.TCP_ESTABLISHED, f)

      lvs.run(tcp(pathsOf(f)['INPUT'] ?? '', flags))

      const want = { rst: 'CL', syn: 'ES', fin: 'CW', ack: 'ES', none: 'CL' }[event]
      t.is(STATES[requestSlot(lvs, 40000, f).state], want)
    })

const OPENED = '>S SYN_RECV 60, <SA SYN_RECV 60, >A ESTABLISHED 900'

/** Steps `> flags` from the client, `< flags` from the dest, and the state after each. */
const WALKS: [what: string, direction: string, walk: string][] = [
  [
    'opened and closed by the client',
    'INPUT',
    `${OPENED}, >FA CLOSE_WAIT 60, <FA TIME_WAIT 120, >A TIME_WAIT 120`,
  ],
  [
    'closed by the dest first',
    'INPUT',
    `${OPENED}, <FA FIN_WAIT 120, >A FIN_WAIT 120, >FA TIME_WAIT 120, <A TIME_WAIT 120`,
  ],
  ['reset by the client while opening', 'INPUT', '>S SYN_RECV 60, >R SYN_RECV 60'],
  ['reset by the client while open', 'INPUT', `${OPENED}, >RA CLOSE 10`],
  ['refused by the dest', 'INPUT', '>S SYN_RECV 60, <RA CLOSE 10'],
  [
    'reset by the dest while open',
    'INPUT',
    '>S SYN_RECV 60, >A ESTABLISHED 900, <R CLOSE 10, >A CLOSE 10',
  ],
  [
    'by direct routing',
    'INPUT-ONLY',
    '>S SYN_RECV 60, >A ESTABLISHED 900, >FA FIN_WAIT 120, >A FIN_WAIT 120',
  ],
  [
    'by tunnel',
    'INPUT-ONLY by tunnel',
    '>S SYN_RECV 60, >A ESTABLISHED 900, >FA FIN_WAIT 120, >A FIN_WAIT 120',
  ],
  ['by direct routing and reset', 'INPUT-ONLY', '>S SYN_RECV 60, >A ESTABLISHED 900, >R CLOSE 10'],
  ['a scan without flags', 'INPUT', '>S SYN_RECV 60, >P CLOSE 10'],
]

for (const f of FAMILIES)
  for (const [what, direction, walk] of WALKS)
    test(`tcp: a connection of ${f.name} ${what}, states and timeouts as in IPVS`, async t => {
      const lvs = await director(t, servicesOf(f))

      const walked = walk.split(', ').map(step => {
        const [letter = '', flags = ''] = [step[0], /^.([A-Z]*)/.exec(step)?.[1]]
        lvs.run(tcp(pathsOf(f)[letter === '<' ? 'OUTPUT' : direction] ?? '', flags))
        const slot = requestSlot(lvs, CPORTS[direction] ?? 40000, f)
        const left = (slot.deadline - lvs.kernel.clock()) / lvs.kernel.ticksPerSecond
        return `${letter}${flags} ${lvs.conns()[0]?.state ?? ''} ${Math.round(left)}`
      })

      t.is(walked.join(', '), walk)
    })

for (const f of FAMILIES)
  for (const direction of ['INPUT', 'OUTPUT'])
    test(`tcp: a RST of ${direction} by ${f.name}, both slots know its state`, async t => {
      const lvs = await director(t, servicesOf(f))
      lvs.run(tcp(pathsOf(f)['INPUT'] ?? '', 'S'))
      lvs.run(tcp(pathsOf(f)['INPUT'] ?? '', 'A'))

      lvs.run(tcp(pathsOf(f)[direction] ?? '', 'RA'))

      const slot = requestSlot(lvs, 40000, f)
      t.deepEqual(
        [slot.state, slotAt(lvs, slot.partner, f).state],
        [TCP_STATE.TCP_CLOSE, TCP_STATE.TCP_CLOSE],
      )
    })
