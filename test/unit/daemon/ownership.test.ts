/** What those hear who change services and dests one by one. */
import test from 'ava'
import { NEW_DEST } from '../../../control/bin/dest_flags.ts'
import { warningsFor } from '../../../control/daemon/ownership.ts'
import type { Dest, Service } from '../../../control/model/service.ts'
import { Draft } from '../../../control/plan/draft.ts'
import { emptyIntent, type Change } from '../../../control/plan/intent.ts'

const UDP: Service = { protocol: 'udp', address: '192.0.2.1', port: 53, scheduler: 'rr' }
const OPS: Service = { ...UDP, onePacket: true }
const SIP: Service = { ...OPS, persistentS: 60, engine: 'sip' }
const NAT: Dest = { ...NEW_DEST, address: '10.0.0.2', port: 53 }
const HERE: Dest = { ...NAT, address: '127.0.0.2' }
const DR: Dest = { ...HERE, fwd: 'dr' }

function kinds(service: Service, dests: Dest[], change: Change): string[] {
  const services = { 'udp:192.0.2.1:53': { service, dests } }
  return warningsFor(new Draft({ ...emptyIntent(), services }), change).map(({ kind }) => kind)
}

const ROWS: [what: string, service: Service, dests: Dest[], change: Change, says: string[]][] = [
  ['a nat dest', UDP, [], { op: 'addDest', service: UDP, dest: NAT }, []],
  ['one of loopback', UDP, [], { op: 'addDest', service: UDP, dest: HERE }, ['loopback-dest']],
  ['one of loopback by dr', UDP, [], { op: 'addDest', service: UDP, dest: DR }, []],
  ['one of one packet', OPS, [], { op: 'addDest', service: UDP, dest: NAT }, ['one-packet-nat']],
  ['one of one packet by dr', OPS, [], { op: 'addDest', service: UDP, dest: DR }, []],
  ['one of one packet by sip', SIP, [], { op: 'addDest', service: UDP, dest: NAT }, []],
  [
    'a dest that becomes nat',
    OPS,
    [DR],
    { op: 'setDest', service: UDP, dest: NAT },
    ['one-packet-nat'],
  ],
  ['a service with a nat dest', UDP, [NAT], { op: 'setService', service: UDP }, []],
  [
    'one that becomes one-packet',
    UDP,
    [NAT],
    { op: 'setService', service: OPS },
    ['one-packet-nat'],
  ],
  [
    'a service that is not there',
    UDP,
    [],
    {
      op: 'addDest',
      dest: HERE,
      service: {
        ...UDP,
        port: 54,
      },
    },
    [],
  ],
]

for (const [what, service, dests, change, says] of ROWS)
  test(`warnings: ${what}, then ${says.join(', ') || 'none'}`, t => {
    t.deepEqual(kinds(service, dests, change), says)
  })
