/**
 * Configurations made up by chance: every setting, and every field of services and dests, as long
 * as the rules between them are kept. All values are in canonical form.
 */
import fc from 'fast-check'
import { parseSetting } from '../../control/config/setting.ts'
import { familyOf } from '../../control/model/address.ts'
import type { Configuration, ConfiguredService } from '../../control/model/configuration.ts'
import {
  ENGINES,
  familyOfService,
  isMark,
  MARK_MAX,
  PERSISTENT_S_MAX,
  PROTOCOLS,
  SCHED_FLAGS,
  SCHEDULERS,
  serviceName,
  THRESHOLD_MAX,
  TUNNEL_CHECKSUMS,
  WEIGHT_MAX,
  withoutUndefined,
  type Dest,
  type ServiceId,
  type TunnelOptions,
} from '../../control/model/service.ts'
import { SYNC_ID_MAX, SYNC_TTL_MAX } from '../../control/model/sync.ts'
import { ruleOf, SETTING_NAMES, type SettingName } from '../../control/model/settings.ts'

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

/** Undefined half of the time, and then the field is not there. */
function maybe<T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(value, { nil: undefined })
}

const thresholds = fc
  .tuple(maybe(fc.integer({ min: 1, max: THRESHOLD_MAX })), fc.nat(), fc.boolean())
  .map(([upper, lower, hasLower]) => ({
    upper,
    lower: upper !== undefined && hasLower ? 1 + (lower % upper) : undefined,
  }))

const tunnel: fc.Arbitrary<TunnelOptions> = fc.oneof(
  fc.record(
    { type: fc.constant('gue'), port, checksum: fc.constantFrom(...TUNNEL_CHECKSUMS) },
    { requiredKeys: ['type', 'port'] },
  ),
  fc.record(
    { type: fc.constant('gre'), checksum: fc.constant('csum') },
    { requiredKeys: ['type'] },
  ),
)

/** nat keeps the family of the service, a tunnel may have another; dr has the service's port. */
function dests(own: fc.Arbitrary<string>, servicePort: number | 'any') {
  const hasMark = servicePort === 'any'
  const free = fc.nat(65535)
  const same = hasMark ? fc.nat(65535) : fc.constant(servicePort)
  const weight = fc.nat(WEIGHT_MAX)
  const dest = fc.oneof(
    fc.record({ address: own, port: free, fwd: fc.constant('nat' as const), weight }),
    fc.record({ address: own, port: same, fwd: fc.constant('dr' as const), weight }),
    fc.record({
      address: fc.oneof(dotted, six),
      port: same,
      fwd: fc.constant('tun' as const),
      weight,
      tunnel: maybe(tunnel),
    }),
  )
  const all = fc
    .tuple(dest, thresholds)
    .map(([one, more]) => withoutUndefined<Dest>({ ...one, ...more }))
  return fc.uniqueArray(all, {
    selector: d => `${d.address}:${d.port}`,
    maxLength: 5,
  })
}

const id: fc.Arbitrary<ServiceId> = fc.oneof(
  fc.record({
    protocol: fc.constantFrom(...PROTOCOLS),
    address: fc.oneof(dotted, six, fc.constant('::ffff:c000:201')),
    port: fc.oneof(port, fc.constant(0)),
  }),
  fc.record({
    protocol: fc.constant('fwmark'),
    family: fc.constantFrom(4, 6),
    mark: fc.integer({ min: 1, max: MARK_MAX }),
  }),
)

/** As services are kept: no mask that is the whole address. */
function netmask(family: 4 | 6) {
  return family === 6 ? fc.integer({ min: 1, max: 127 }).map(String) : dotted
}

/** Any port needs persistence; one packet needs udp or a mark. */
const service = id.chain(id => {
  const family = familyOfService(id)
  const isUdp = isMark(id) || id.protocol === 'udp'
  const seconds = fc.integer({ min: 1, max: PERSISTENT_S_MAX })
  const needsPersistence = !isMark(id) && id.port === 0
  return fc
    .record({
      scheduler: fc.constantFrom(...SCHEDULERS),
      name: maybe(label),
      schedFlags: maybe(fc.subarray([...SCHED_FLAGS], { minLength: 1 })),
      persistentS: needsPersistence ? seconds : maybe(seconds),
      netmask: maybe(netmask(family)),
      engine: maybe(fc.constantFrom(...ENGINES)),
      onePacket: isUdp ? maybe(fc.constant(true as const)) : fc.constant(undefined),
      dests: dests(family === 6 ? six : dotted, isMark(id) ? 'any' : id.port),
    })
    .map(settings => withoutUndefined<ConfiguredService>({ ...id, ...settings }))
})

/** The kernel's rule: no space, slash or colon, not . or .., at most 15. */
const interfaceName = fc
  .string({ minLength: 1, maxLength: 15 })
  .filter(name => /^[^\s/:\p{C}]+$/u.test(name) && name !== '.' && name !== '..')

/** An interface that a sync daemon may be on; no test attaches to it. */
export const SYNC_INTERFACE = 'sync0'

const multicast = fc.oneof(
  fc.tuple(fc.integer({ min: 224, max: 239 }), octet, octet, octet).map(parts => parts.join('.')),
  group.filter(word => word !== '0').map(word => `ff02::${word}`),
)
/** With all their values, as daemons that run are shown. */
const daemon = fc.record({
  interface: fc.constant(SYNC_INTERFACE),
  syncId: fc.nat(SYNC_ID_MAX),
  maxLen: fc.integer({ min: 1024, max: 65487 }),
  group: multicast,
  port,
  ttl: fc.integer({ min: 1, max: SYNC_TTL_MAX }),
})

const parts = fc.record({
  settings: fc.array(setting).map(pairs => Object.fromEntries(pairs)),
  interfaces: fc.uniqueArray(
    fc.record({ name: interfaceName, mode: fc.constantFrom('native', 'generic') }),
    { selector: i => i.name, maxLength: 4 },
  ),
  services: fc
    .uniqueArray(service, { selector: serviceName, maxLength: 6 })
    .map(services => uniqueNames(services)),
  sync: fc.record({ master: daemon, backup: daemon }, { requiredKeys: [] }),
})

/** Sync daemons and dests of the other family exclude each other. */
export const configuration: fc.Arbitrary<Configuration> = parts.map(({ sync, ...rest }) => {
  const isMixed = rest.services.some(service =>
    service.dests.some(dest => familyOf(dest.address) !== familyOfService(service)),
  )
  return isMixed || Object.keys(sync).length === 0 ? rest : { ...rest, sync }
})

function uniqueNames(services: ConfiguredService[]): ConfiguredService[] {
  const seen = new Set<string>()
  return services.map(service => {
    const { name, ...rest } = service
    if (name === undefined || seen.has(name)) return rest
    seen.add(name)
    return service
  })
}
