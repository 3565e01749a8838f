/** What is printed as configuration is read back as it was. */
import test from 'ava'
import fc from 'fast-check'
import { checkConfiguration } from '../../../control/config/check.ts'
import { printConfiguration } from '../../../control/config/print.ts'
import type { Configuration } from '../../../control/model/configuration.ts'
import { FORWARDING_METHODS, PROTOCOLS, SCHEDULERS } from '../../../control/model/service.ts'
import { SETTING_NAMES, SETTINGS } from '../../../control/model/settings.ts'
import { serviceName } from '../../../control/model/service.ts'

const octet = fc.nat(255)
const address = fc.tuple(fc.integer({ min: 1, max: 126 }), octet, octet, octet)
const dotted = address.map(parts => parts.join('.'))
const port = fc.integer({ min: 1, max: 65535 })
const label = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.-]{0,20}$/)

const setting = fc.constantFrom(...SETTING_NAMES).chain(name => {
  const { min, max } = SETTINGS[name]
  return fc.integer({ min, max }).map(value => [name, value] as const)
})

const dest = fc.record({
  address: dotted,
  port,
  fwd: fc.constantFrom(...FORWARDING_METHODS.filter(fwd => fwd === 'nat')),
  weight: fc.nat(65535),
})

const service = fc
  .record(
    {
      protocol: fc.constantFrom(...PROTOCOLS),
      address: dotted,
      port,
      scheduler: fc.constantFrom(...SCHEDULERS),
      name: label,
      dests: fc.uniqueArray(dest, { selector: d => `${d.address}:${d.port}`, maxLength: 5 }),
    },
    { requiredKeys: ['protocol', 'address', 'port', 'scheduler', 'dests'] },
  )
  .chain(given =>
    fc.option(dotted, { nil: undefined }).map(direct => {
      if (direct === undefined) return given
      const dr = {
        address: direct,
        port: given.port,
        fwd: direct.endsWith('1') ? ('tun' as const) : ('dr' as const),
        weight: 1,
      }
      const others = given.dests.filter(d => d.address !== direct)
      return { ...given, dests: [...others, dr] }
    }),
  )

/** The kernel's rule: no space, slash or colon, not . or .., at most 15. */
const interfaceName = fc
  .string({ minLength: 1, maxLength: 15 })
  .filter(name => /^[^\s/:\p{C}]+$/u.test(name) && name !== '.' && name !== '..')

export const configuration: fc.Arbitrary<Configuration> = fc.record({
  settings: fc.array(setting).map(pairs => Object.fromEntries(pairs)),
  interfaces: fc.uniqueArray(
    fc.record({ name: interfaceName, mode: fc.constantFrom('native', 'generic') }),
    { selector: i => i.name, maxLength: 4 },
  ),
  services: fc
    .uniqueArray(service, { selector: serviceName, maxLength: 6 })
    .map(services => uniqueNames(services)),
})

function uniqueNames<S extends { name?: string }>(services: S[]): S[] {
  const seen = new Set<string>()
  return services.map(service => {
    const { name, ...rest } = service
    if (name === undefined || seen.has(name)) return rest as S
    seen.add(name)
    return service
  })
}

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
    services: [
      {
        protocol: 'tcp',
        address: '192.0.2.1',
        port: 80,
        scheduler: 'wrr',
        name: 'web',
        dests: [
          { address: '10.0.0.2', port: 8080, fwd: 'nat', weight: 2 },
          { address: '10.0.0.3', port: 80, fwd: 'dr', weight: 1 },
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
services:
  tcp 192.0.2.1:80:
    name: web
    scheduler: wrr
    dests:
      - nat 10.0.0.2:8080 weight 2
      - dr 10.0.0.3:80
`,
  )
})
