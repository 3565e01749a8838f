/** What is printed as configuration is read back as it was. */
import test from 'ava'
import fc from 'fast-check'
import { checkConfiguration } from '../../../control/config/check.ts'
import { printConfiguration } from '../../../control/config/print.ts'
import { parseSetting } from '../../../control/config/setting.ts'
import type { Configuration } from '../../../control/model/configuration.ts'
import { PROTOCOLS, SCHEDULERS } from '../../../control/model/service.ts'
import { ruleOf, SETTING_NAMES, type SettingName } from '../../../control/model/settings.ts'
import { serviceName } from '../../../control/model/service.ts'

const octet = fc.nat(255)
const address = fc.tuple(fc.integer({ min: 1, max: 126 }), octet, octet, octet)
const dotted = address.map(parts => parts.join('.'))
const port = fc.integer({ min: 1, max: 65535 })
const label = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.-]{0,20}$/)

const cpu = fc.nat(40)

/** Values of a setting; those that are not canonical become so. */
function settingText(name: SettingName): fc.Arbitrary<string | number> {
  const rule = ruleOf(name)
  switch (rule.kind) {
    case 'int':
      return fc.integer({ min: rule.min, max: rule.max })
    case 'power':
      return fc.nat(30).map(bits => 2 ** bits)
    case 'ulong':
      return fc.oneof(fc.bigInt(0n, 2n ** 64n - 1n).map(String), fc.constant('auto'))
    case 'pair':
      return fc.tuple(fc.nat(99), fc.nat(99)).map(([a, b]) => `${a} ${b === 0 ? 0 : a + b}`)
    case 'cpus':
      return fc.array(cpu, { maxLength: 9 }).map(cpus => cpus.join())
  }
}

const setting = fc
  .constantFrom(...SETTING_NAMES)
  .chain(name => settingText(name).map(v => [name, parseSetting(name, String(v))] as const))

const group = fc.nat(0xffff).map(n => n.toString(16))
/** Canonical: no group is zero, and none but the first can be left out. */
const six = fc
  .tuple(group, group)
  .filter(groups => !groups.includes('0'))
  .map(([a, b]) => `2001:db8::${a}:${b}`)

/** nat keeps the family of the service, a tunnel may have another; dr has the service's port. */
function dests(own: fc.Arbitrary<string>, servicePort: number) {
  const weight = fc.nat(65535)
  const dest = fc.oneof(
    fc.record({ address: own, port, fwd: fc.constant('nat' as const), weight }),
    fc.record({
      address: own,
      port: fc.constant(servicePort),
      fwd: fc.constant('dr' as const),
      weight,
    }),
    fc.record({
      address: fc.oneof(dotted, six),
      port: fc.constant(servicePort),
      fwd: fc.constant('tun' as const),
      weight,
    }),
  )
  return fc.uniqueArray(dest, { selector: d => `${d.address}:${d.port}`, maxLength: 5 })
}

const service = fc.record({ address: fc.oneof(dotted, six), port }).chain(id =>
  fc.record(
    {
      protocol: fc.constantFrom(...PROTOCOLS),
      address: fc.constant(id.address),
      port: fc.constant(id.port),
      scheduler: fc.constantFrom(...SCHEDULERS),
      name: label,
      dests: dests(id.address.includes(':') ? six : dotted, id.port),
    },
    { requiredKeys: ['protocol', 'address', 'port', 'scheduler', 'dests'] },
  ),
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
