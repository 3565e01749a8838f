/** `xlvs decap` as people see it. */
import test from 'ava'
import { decapText } from '../../../control/output/decap.ts'
import { styleFor } from '../../../control/output/style.ts'
import { warningsText } from '../../../control/output/warning.ts'

const ETH0 = {
  name: 'eth0',
  ifindex: 2,
  mode: 'native' as const,
  present: true,
  addresses: ['10.0.0.5', '2001:db8::5'],
  changed: [],
  packets: [
    { what: '4in4', packets: 120 },
    { what: 'bad length', packets: 3 },
  ],
}

test('decap output: two interfaces, then a line each and one table', t => {
  const text = decapText([ETH0, { ...ETH0, name: 'eth1', present: false, packets: [] }])

  t.is(
    text,
    `eth0 decapsulates (native) for 10.0.0.5, 2001:db8::5
eth1 has gone or lost the program; try xlvs decap eth1

INTERFACE  WHAT        PACKETS
eth0       4in4            120
eth0       bad length        3
`,
  )
})

test('decap output: the host has changed since, then a sentence with what to try', t => {
  const said = (...changed: ('mac' | 'addresses')[]) =>
    decapText([{ ...ETH0, changed, packets: [] }]).split('\n')[1]

  t.is(said('mac'), '! eth0: its MAC address has changed since; try xlvs decap eth0')
  t.is(
    said('mac', 'addresses'),
    '! eth0: its MAC address and the addresses of this host have changed since; ' +
      'try xlvs decap eth0',
  )
})

test('decap output: no interface, then it says how to begin', t => {
  t.is(decapText([]), 'nothing is decapsulated here; try xlvs decap IFACE\n')
})

test('decap output: a warning, then a sentence and what to try', t => {
  const warning = { kind: 'x', message: 'something is missing', cure: 'do something' }

  t.is(warningsText([warning], styleFor(false, {})), '! something is missing; try do something\n')
})
