/**
 * The TCP states of a connection: every cell of IPVS' normal table, written here once more, then
 * walks of whole connections. Source: ip_vs_proto_tcp.c tcp_states (v6.12).
 */
import test from 'ava'
import { store32 } from '../../addon/index.ts'
import { SETTINGS, TCP_STATE } from '../../control/abi/maps.gen.ts'
import { director, type PacketDirector } from '../support/director.ts'
import { tcp } from '../support/frames.ts'
import { requestSlot, setState, slotAt } from './table.ts'

const SERVICES = `
  tcp 192.0.2.1:80 rr
    -> 10.0.0.2:8080 nat weight 1
  tcp 192.0.2.1:81 rr
    -> 10.0.0.3:81 dr weight 1`
const CLIENT = '198.51.100.7:40000'
const PATHS: Record<string, string> = {
  INPUT: `${CLIENT} > 192.0.2.1:80`,
  OUTPUT: `10.0.0.2:8080 > ${CLIENT}`,
  'INPUT-ONLY': '198.51.100.7:40001 > 192.0.2.1:81',
}
const FLAGS: Record<string, string> = { syn: 'S', fin: 'FA', ack: 'A', rst: 'RA', none: 'PU' }
const STATES = ['NO', 'ES', 'SS', 'SR', 'FW', 'TW', 'CL', 'CW', 'LA', 'LI', 'SA']

const TABLE = `
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
INPUT-ONLY none CL CL CL CL CL CL CL CL CL CL CL`
  .trim()
  .split('\n')
  .map(line => line.trim().replace(/ +/g, ' '))

/** The row of the table that the director makes. */
function rowOf(lvs: PacketDirector, direction: string, event: string): string {
  const next = STATES.map((_, state) => {
    const cport = direction === 'INPUT-ONLY' ? 40001 : 40000
    setState(lvs, requestSlot(lvs, cport), state)
    lvs.run(tcp(PATHS[direction] ?? '', FLAGS[event] ?? ''))
    return STATES[requestSlot(lvs, cport).state]
  })
  return [direction, event, ...next].join(' ')
}

test('tcp: every state and event in every direction, the table of IPVS', async t => {
  const lvs = await director(t, SERVICES)
  store32(lvs.kernel.maps.settings.mmap(), SETTINGS.conn_reuse_mode / 4, 0)
  for (const direction of ['INPUT', 'INPUT-ONLY']) lvs.run(tcp(PATHS[direction] ?? '', 'S'))

  const rows = Object.keys(PATHS).flatMap(direction =>
    Object.keys(FLAGS).map(event => rowOf(lvs, direction, event)),
  )

  t.deepEqual([STATES.join(' '), ...rows], TABLE)
})

for (const [flags, event] of [
  ['SRFA', 'rst'],
  ['SFA', 'syn'],
  ['FA', 'fin'],
  ['F', 'fin'],
  ['PAU', 'ack'],
  ['PU', 'none'],
  ['', 'none'],
] as const)
  test(`tcp: flags "${flags}" on an established connection, the event is ${event}`, async t => {
    const lvs = await director(t, SERVICES)
    lvs.run(tcp(PATHS['INPUT'] ?? '', 'S'))
    setState(lvs, requestSlot(lvs, 40000), TCP_STATE.TCP_ESTABLISHED)

    lvs.run(tcp(PATHS['INPUT'] ?? '', flags))

    const want = { rst: 'CL', syn: 'ES', fin: 'CW', ack: 'ES', none: 'CL' }[event]
    t.is(STATES[requestSlot(lvs, 40000).state], want)
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
  ['by direct routing and reset', 'INPUT-ONLY', '>S SYN_RECV 60, >A ESTABLISHED 900, >R CLOSE 10'],
  ['a scan without flags', 'INPUT', '>S SYN_RECV 60, >P CLOSE 10'],
]

for (const [what, direction, walk] of WALKS)
  test(`tcp: a connection ${what}, states and timeouts as in IPVS`, async t => {
    const lvs = await director(t, SERVICES)

    const walked = walk.split(', ').map(step => {
      const [letter = '', flags = ''] = [step[0], /^.([A-Z]*)/.exec(step)?.[1]]
      lvs.run(tcp(PATHS[letter === '<' ? 'OUTPUT' : direction] ?? '', flags))
      const slot = requestSlot(lvs, direction === 'INPUT' ? 40000 : 40001)
      const left = (slot.deadline - lvs.kernel.clock()) / lvs.kernel.ticksPerSecond
      return `${letter}${flags} ${lvs.conns()[0]?.state ?? ''} ${Math.round(left)}`
    })

    t.is(walked.join(', '), walk)
  })

for (const direction of ['INPUT', 'OUTPUT'])
  test(`tcp: a RST of direction ${direction}, both slots know the state it leads to`, async t => {
    const lvs = await director(t, SERVICES)
    lvs.run(tcp(PATHS['INPUT'] ?? '', 'S'))
    lvs.run(tcp(PATHS['INPUT'] ?? '', 'A'))

    lvs.run(tcp(PATHS[direction] ?? '', 'RA'))

    const slot = requestSlot(lvs, 40000)
    t.deepEqual(
      [slot.state, slotAt(lvs, slot.partner).state],
      [TCP_STATE.TCP_CLOSE, TCP_STATE.TCP_CLOSE],
    )
  })
