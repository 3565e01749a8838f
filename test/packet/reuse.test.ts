/** IPVS' reuse check: a SYN on a connection that has ended begins a new one. See bpf/conn.h. */
import test from 'ava'
import { store32 } from '../../addon/index.ts'
import { SETTINGS, SLOT_WORD, TCP_STATE } from '../../control/abi/maps.gen.ts'
import { director, type PacketDirector } from '../support/director.ts'
import { tcp } from '../support/frames.ts'
import { requestSlot, setState, slots } from './table.ts'

const CLIENT = '198.51.100.7:40000'
const REQUEST = `${CLIENT} > 192.0.2.1:80`
const REPLY = `10.0.0.2:80 > ${CLIENT}`
const SERVICE = 'tcp 192.0.2.1:80 rr\n-> 10.0.0.2:80 nat weight 1'
const DIRECT = 'tcp 192.0.2.1:80 rr\n-> 10.0.0.2:80 dr weight 1'
const TWO = `${SERVICE}\n-> 10.0.0.3:80 nat weight 1`

function requests(lvs: PacketDirector): number {
  return slots(lvs).filter(s => !(s.flags & SLOT_WORD.CONN_REPLY)).length
}

const REUSED = new Set(['TCP_TIME_WAIT', 'TCP_CLOSE'])

for (const [name, state] of Object.entries(TCP_STATE).slice(0, 11))
  test(`reuse: SYN in ${name}, ${REUSED.has(name) ? 'a new' : 'the same'} connection`, async t => {
    const lvs = await director(t, TWO)
    const first = lvs.receive(tcp(REQUEST, 'S'))[33]
    setState(lvs, requestSlot(lvs, 40000), state)

    const second = lvs.receive(tcp(REQUEST, 'S'))[33]

    t.deepEqual([first, second], [3, REUSED.has(name) ? 2 : 3])
    t.is(lvs.conns().length, 1)
    lvs.advance(1)
    t.is(lvs.sweep().expired, REUSED.has(name) ? 1 : 0)
    t.is(slots(lvs).length, 2)
    lvs.advance(1000)
    lvs.sweep()
    t.is(slots(lvs).length, 0)
    t.deepEqual(lvs.counts('10.0.0.2'), { active: 0, inactive: 0 })
    t.deepEqual(lvs.counts('10.0.0.3'), { active: 0, inactive: 0 })
  })

test('reuse: a new connection on old ports, only its own dest is translated', async t => {
  const lvs = await director(t, TWO)
  lvs.run(tcp(REQUEST, 'S'))
  lvs.run(tcp(`10.0.0.3:80 > ${CLIENT}`, 'RA'))
  lvs.run(tcp(REQUEST, 'S'))

  const left = ['10.0.0.3:80', '10.0.0.2:80'].map(
    dest => lvs.run(tcp(`${dest} > ${CLIENT}`, 'A')).reason,
  )

  t.deepEqual(left, ['no connection', 'nat reply'])
})

test('reuse: one dest, its reply goes to the new connection', async t => {
  const lvs = await director(t, SERVICE)
  for (const frame of [tcp(REQUEST, 'S'), tcp(REPLY, 'RA'), tcp(REQUEST, 'S')]) lvs.run(frame)

  const out = lvs.run(tcp(REPLY, 'SA'))

  t.is(out.reason, 'nat reply')
  t.is(lvs.conns()[0]?.state, 'SYN_RECV')
})

for (const [mode, service, state, isNew] of [
  [0, SERVICE, TCP_STATE.TCP_CLOSE, false],
  [0, SERVICE, TCP_STATE.TCP_TIME_WAIT, false],
  [1, DIRECT, TCP_STATE.TCP_FIN_WAIT, false],
  [1, DIRECT, TCP_STATE.TCP_CLOSE, true],
  [2, DIRECT, TCP_STATE.TCP_FIN_WAIT, true],
  [2, SERVICE, TCP_STATE.TCP_FIN_WAIT, false],
  [2, SERVICE, TCP_STATE.TCP_TIME_WAIT, true],
  [3, DIRECT, TCP_STATE.TCP_FIN_WAIT, true],
  [3, SERVICE, TCP_STATE.TCP_FIN_WAIT, false],
] as const)
  test(`reuse: mode ${mode}, a SYN in state ${state} by ${
    service === DIRECT ? 'dr' : 'nat'
  }, ${isNew ? 'a new' : 'the same'} connection`, async t => {
    const lvs = await director(t, service)
    store32(lvs.kernel.maps.settings.mmap(), SETTINGS.conn_reuse_mode / 4, mode)
    lvs.run(tcp(REQUEST, 'S'))
    setState(lvs, requestSlot(lvs, 40000), state)

    lvs.run(tcp(REQUEST, 'S'))

    t.is(requests(lvs), isNew ? 2 : 1)
  })

test('reuse: a SYN with RST in CLOSE, it passes and starts nothing', async t => {
  const lvs = await director(t, SERVICE)
  lvs.run(tcp(REQUEST, 'S'))
  lvs.run(tcp(REPLY, 'RA'))

  const out = lvs.run(tcp(REQUEST, 'SR'))

  t.is(out.reason, 'no connection')
  t.is(lvs.dataplane.rawTraffic('tcp:192.0.2.1:80').conns, 1)
})
