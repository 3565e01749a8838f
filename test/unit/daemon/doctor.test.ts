/** The doctor: refuses before, warns after, and does not wait long for the firewall. */
import test from 'ava'
import { Doctor, type DoctorParts } from '../../../control/daemon/doctor.ts'
import type { Warning } from '../../../control/model/warning.ts'
import type { InterfaceFacts } from '../../../control/plan/attachable.ts'

const SLAVE: InterfaceFacts = {
  name: 'eth0',
  kind: '',
  mac: '02:00:00:00:00:01',
  running: true,
  master: { name: 'bond0', kind: 'bond' },
  parent: undefined,
  vlans: [],
  receivers: [],
  xdpFeatures: 7,
  peerReceives: undefined,
  peerOffloads: undefined,
  before: [],
}
const ETH0 = {
  name: 'eth0',
  ifindex: 2,
  mode: 'native' as const,
  present: true,
  running: true,
  origin: 'command' as const,
}
const RULE: Warning = { kind: 'input-firewall', message: 'a rule', cure: 'drop it' }

function doctor(given: Partial<DoctorParts> = {}): Doctor {
  return new Doctor({
    inspect: () => SLAVE,
    firewall: () => Promise.resolve([RULE]),
    nowMs: () => 0,
    delay: () => new Promise(() => undefined),
    ...given,
  })
}

test('doctor: an interface that is unfit, refused with its cure as hint', t => {
  const error = t.throws(
    () => {
      doctor().refuse('eth0', 'native')
    },
    { code: 'INTERFACE_UNFIT' },
  )

  t.is((error as { hint?: string }).hint, 'xlvs attach bond0')
})

test('doctor: no such interface, that is for others to say', t => {
  t.notThrows(() => {
    doctor({ inspect: () => undefined }).refuse('eth0', 'native')
  })
})

test('doctor: warnings of what is attached and there, then those of the firewall', async t => {
  const gone = { ...ETH0, name: 'eth9', present: false }

  const warnings = await doctor().warnings([ETH0, gone], [], 50)

  t.deepEqual(
    warnings.map(({ kind }) => kind),
    ['bond-slave', 'input-firewall'],
  )
  t.deepEqual(Object.keys(warnings[0] ?? {}), ['kind', 'message', 'cure'])
})

test('doctor: nothing attached, nothing is looked at', async t => {
  const never = () => Promise.reject(new Error('looked at'))

  t.deepEqual(await doctor({ firewall: never }).warnings([], [], 50), [])
})

test('doctor: a slow firewall, its rules are told the next time', async t => {
  const { promise, resolve } = Promise.withResolvers<Warning[]>()
  const slow = doctor({ firewall: () => promise, delay: () => Promise.resolve() })

  const first = await slow.warnings([ETH0], [], 50)
  resolve([RULE])
  await promise
  const second = await slow.warnings([ETH0], [], 50)

  t.is(first.length, 1)
  t.deepEqual(second.at(-1), RULE)
})

test('doctor: asked twice in five seconds, the firewall is read once', async t => {
  let [now, reads] = [0, 0]
  const firewall = () => {
    reads++
    return Promise.resolve([])
  }
  const asked = doctor({ nowMs: () => now, firewall })

  for (now of [0, 4999, 5000]) await asked.warnings([ETH0], [], 50)

  t.is(reads, 2)
})
