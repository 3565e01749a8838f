/**
 * What -S prints, -R reads: any table, saved and read line by line, is the same table. All but
 * thresholds and marks above 2^31, which ipvsadm loses too.
 */
import test from 'ava'
import fc from 'fast-check'
import { parseLine, type Request } from '../../../control/ipvs/grammar.ts'
import { save } from '../../../control/ipvs/listing.ts'
import { NUMBERS } from '../../../control/ipvs/names.ts'
import {
  familyOfService,
  isMark,
  PERSISTENT_S_MAX,
  PORT_MAX,
  SCHED_FLAGS,
  SCHEDULERS,
  serviceName,
  WEIGHT_MAX,
  type Dest,
  type SchedFlag,
  type Scheduler,
  type ServiceId,
  type ServiceView,
} from '../../../control/model/service.ts'
import { dest, service } from '../../support/views.ts'

const LOOKUPS = { addressOf: () => undefined, portOf: () => undefined }
const MARK_MAX = 0x7fffffff

type Tunnel = NonNullable<Dest['tunnel']>
type Loose<T> = { [K in keyof T]: T[K] | undefined }

const number = (min: number, max: number) =>
  fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, max))
const ipv4 = fc.ipV4()
const ipv6 = fc
  .array(fc.constantFrom('0', '1', 'db8', 'ffff', 'a0'), { minLength: 7, maxLength: 7 })
  .map(words => new URL(`http://[2001:${words.join(':')}]`).hostname.slice(1, -1))
const address = fc.oneof(ipv4, ipv6)
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })

const idOf: fc.Arbitrary<ServiceId> = fc.oneof(
  fc.record({
    protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'sctp' as const),
    address,
    port: number(1, PORT_MAX),
  }),
  fc.record({
    protocol: fc.constant('fwmark' as const),
    family: fc.constantFrom(4 as const, 6 as const),
    mark: number(1, MARK_MAX),
  }),
)

const settingsOf = (id: ServiceId) =>
  fc
    .record({
      scheduler: fc.constantFrom(...SCHEDULERS),
      schedFlags: optional(fc.subarray([...SCHED_FLAGS], { minLength: 1 })),
      persistentS: optional(number(1, PERSISTENT_S_MAX)),
      netmask: optional(
        familyOfService(id) === 6
          ? number(1, 127).map(String)
          : ipv4.filter(mask => mask !== '255.255.255.255'),
      ),
      onePacket: optional(fc.constant(true as const)),
      engine: optional(fc.constant('sip' as const)),
    })
    .map(({ netmask, onePacket, schedFlags, ...rest }) => ({
      ...rest,
      schedFlags: canBeSaved(rest.scheduler, schedFlags) ? schedFlags : undefined,
      netmask: rest.persistentS === undefined ? undefined : netmask,
      onePacket: isMark(id) || id.protocol === 'udp' ? onePacket : undefined,
    }))

/** ipvsadm has no word for flag-3 of sh and mh. */
function canBeSaved(scheduler: Scheduler, flags?: SchedFlag[]): boolean {
  return (scheduler !== 'sh' && scheduler !== 'mh') || flags?.includes('flag-3') !== true
}

const tunnelOf = fc.oneof(
  fc.record({
    type: fc.constant('gue' as const),
    port: number(1, PORT_MAX),
    checksum: optional(fc.constantFrom('csum' as const, 'remcsum' as const)),
  }),
  fc.record({
    type: fc.constant('gre' as const),
    checksum: optional(fc.constant('csum' as const)),
  }),
)

const destOf = (id: ServiceId): fc.Arbitrary<Dest> =>
  fc
    .record({
      fwd: fc.constantFrom('nat' as const, 'dr' as const, 'tun' as const),
      ...{ port: number(0, PORT_MAX), weight: number(0, WEIGHT_MAX), address },
      same: familyOfService(id) === 6 ? ipv6 : ipv4,
      tunnel: optional(tunnelOf),
    })
    .map(({ fwd, port, weight, address, same, tunnel }) =>
      defined<Dest>({
        ...{ fwd, weight, address: fwd === 'tun' ? address : same },
        port: fwd === 'nat' || isMark(id) ? port : id.port,
        tunnel: fwd === 'tun' && tunnel ? defined<Tunnel>(tunnel) : undefined,
      }),
    )

const key = (of: { address: string; port: number }): string => `${of.address} ${of.port}`
const serviceOf = idOf.chain(id =>
  fc
    .tuple(settingsOf(id), fc.uniqueArray(destOf(id), { maxLength: 5, selector: key }))
    .map(([settings, dests]) => ({ id, settings: defined(settings), dests })),
)
const tableOf = fc.uniqueArray(serviceOf, {
  maxLength: 8,
  selector: ({ id }) => serviceName(id),
})

/** Without what is undefined, as the model has it. */
function defined<T extends object>(value: Loose<T>): T {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T
}

test('save: any table, saved and read by lines, is that table', t => {
  fc.assert(
    fc.property(tableOf, table => {
      const views = table.map(({ id, settings, dests }) => ({
        ...service(),
        ...{ ...id, ...settings, dests: dests.map(one => dest(one)) },
      })) as ServiceView[]

      const requests = save(views, NUMBERS)
        .split('\n')
        .filter(Boolean)
        .map(line => parseLine(line.split(' '), 'ipvsadm', LOOKUPS))

      t.deepEqual(tableFrom(requests), textOf(table))
    }),
    { numRuns: 300 },
  )
})

/** Each service and each dest as a text, sorted. */
function textOf(table: { id: ServiceId; settings: object; dests: Dest[] }[]): string[] {
  return table
    .flatMap(({ id, settings, dests }) => [line(id, settings), ...dests.map(one => line(id, one))])
    .sort()
}

function tableFrom(requests: readonly Request[]): string[] {
  return requests
    .map(request => {
      if (request.command === 'add-service') return line(request.service, request.settings)
      if (request.command === 'add-server') return line(request.service, request.dest)
      throw new Error(`-S does not print ${request.command}`)
    })
    .sort()
}

function line(id: ServiceId, of: object): string {
  return `${serviceName(id)} ${JSON.stringify(Object.entries(of).sort())}`
}
