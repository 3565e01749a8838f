/** What is printed as configuration is read back as it was. */
import test from 'ava'
import fc from 'fast-check'
import { checkConfiguration } from '../../../control/config/check.ts'
import type { ConfiguredService } from '../../../control/model/configuration.ts'
import { printConfiguration } from '../../../control/config/print.ts'
import { configuration } from '../../support/configurations.ts'

test('print: any configuration, then check reads it back as it was', t => {
  fc.assert(
    fc.property(configuration, given => {
      const { configuration, faults } = checkConfiguration(printConfiguration(given))

      t.deepEqual(faults, [])
      t.deepEqual(configuration, given)
    }),
  )
})

test('print: nothing at all, then it is read back as nothing at all', t => {
  const nothing = { settings: {}, interfaces: [], services: [] }

  const text = printConfiguration(nothing)

  t.is(text, 'services: {}\n')
  t.deepEqual(checkConfiguration(text), { configuration: nothing, faults: [] })
})

test('print: a service and its dests, then it reads like the manual', t => {
  const text = printConfiguration({
    settings: { udp_timeout_s: 60 },
    interfaces: [
      { name: 'eth0', mode: 'native' },
      { name: 'eth1', mode: 'generic' },
    ],
    sync: {
      backup: { interface: 'eth0', syncId: 7, group: 'ff02::51' },
      master: { interface: 'eth1' },
    },
    services: [
      {
        protocol: 'tcp',
        address: '192.0.2.1',
        port: 80,
        scheduler: 'wrr',
        name: 'web',
        dests: [
          { address: '10.0.0.2', port: 8080, fwd: 'nat', weight: 2 },
          { address: '10.0.0.3', port: 80, fwd: 'dr', weight: 1, upper: 8, lower: 6 },
        ],
      },
      {
        ...{ protocol: 'fwmark', family: 6, mark: 7, scheduler: 'sh', onePacket: true },
        ...{ schedFlags: ['flag-1', 'flag-2'], persistentS: 60, netmask: '64', engine: 'sip' },
        dests: [
          {
            ...{ address: '10.0.0.4', port: 0, fwd: 'tun', weight: 1 },
            tunnel: { type: 'gue', port: 6080, checksum: 'csum' },
          },
        ],
      },
    ],
  })

  t.is(
    text,
    `settings:
  udp_timeout_s: 60
interfaces:
  - eth0
  - eth1 generic
sync:
  master:
    interface: eth1
  backup:
    interface: eth0
    sync_id: 7
    group: "ff02::51"
services:
  tcp 192.0.2.1:80:
    name: web
    scheduler: wrr
    dests:
      - nat 10.0.0.2:8080 weight 2
      - dr 10.0.0.3:80 upper 8 lower 6
  fwmark6 7:
    scheduler: sh
    sched_flags: [sh-fallback, sh-port]
    persistent_s: 60
    netmask: 64
    engine: sip
    one_packet: true
    dests:
      - tun 10.0.0.4:0 tunnel gue tunnel-port 6080 tunnel-checksum csum
`,
  )
})

test('print: what is to be when dests go and come, then each has a line', t => {
  const service: ConfiguredService = {
    ...{ protocol: 'tcp' as const, address: '192.0.2.1', port: 80, scheduler: 'rr' as const },
    ...{ destGone: 'drain:30' as const, slowStartS: 60, dests: [] },
  }

  const text = printConfiguration({ settings: {}, interfaces: [], services: [service] })

  t.true(text.includes('\n    dest_gone: drain:30\n    slow_start: 60\n'), text)
})
