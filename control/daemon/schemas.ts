/**
 * The API's shapes, once: typebox schemas are the validation, the OpenAPI document and, held to the
 * model by the assertions at the end, the types. Unknown fields are refused everywhere.
 * Read next: api.ts.
 */
import { Type, type Static, type TSchema } from '@fastify/type-provider-typebox'
import { LABEL_PATTERN } from '../config/name.ts'
import { ERROR_CODES, type ErrorCode } from '../errors.ts'
import type { Applied } from '../model/difference.ts'
import type {
  Dest,
  DestSettings,
  InterfaceView,
  ServiceId,
  ServiceSettings,
  ServiceView,
} from '../model/service.ts'
import { ENGINES } from '../model/service.ts'
import type { LvsEvent } from '../model/event.ts'
import type { ReasonView } from '../model/reason.ts'
import { SETTING_NAMES } from '../model/settings.ts'
import type { SyncDaemonView, SyncRole, SyncWish } from '../model/sync.ts'
import type { Warning } from '../model/warning.ts'
import type { ConnPage, SettingsView, StatsView, VersionView } from './contract.ts'
import { MarkRuleSchema } from './mark_schemas.ts'
import {
  address,
  byAddressOrMark,
  count,
  destFields,
  eitherId,
  interfaceName,
  notActive,
  port,
  protocol,
  role,
  serviceFields,
  strict,
  syncFields,
  syncWish,
} from './schema_fields.ts'
import {
  origin,
  type SettingsSchema,
  settingValue,
  someOrigin,
  WantedSettingsSchema,
} from './setting_schemas.ts'

const mode = Type.Enum(['native', 'generic'], { description: 'Where XDP runs: driver or stack.' })
const nextHop = Type.Enum(['resolved', 'resolving', 'unreachable', 'no route', 'local'])

const addressAndPort = Type.Object({ address: Type.String(), port: count })

/** Counters since creation or the last zero; bytes are IP bytes. */
export const TrafficSchema = Type.Object({
  conns: count,
  inPackets: count,
  outPackets: count,
  inBytes: count,
  outBytes: count,
})

/** What they gain in a second, as IPVS estimates it. */
export const RatesSchema = Type.Object(
  { conns: count, inPackets: count, outPackets: count, inBytes: count, outBytes: count },
  { description: 'A second, averaged over some seconds as IPVS does; bytes, not bits.' },
)

const name = Type.Optional(
  Type.String({ pattern: LABEL_PATTERN, description: 'What people call the service.' }),
)

export const ServiceIdSchema = byAddressOrMark({})
export const ServiceSchema = byAddressOrMark({ ...serviceFields, name })
export const ServiceSettingsSchema = Type.Object({ ...serviceFields, name }, strict)
export const DestSchema = Type.Object({ address, port, ...destFields }, strict)
export const DestSettingsSchema = Type.Object(destFields, strict)
export const ZeroSchema = Type.Object({ service: Type.Optional(ServiceIdSchema) }, strict)
export const AttachSchema = Type.Object(
  { names: Type.Array(interfaceName, { minItems: 1, maxItems: 64, uniqueItems: true }), mode },
  strict,
)

export const ServicePathSchema = Type.Object({
  service: Type.String({ description: 'For example tcp:192.0.2.1:80 or tcp:[2001:db8::1]:80.' }),
})
export const DestPathSchema = Type.Object({
  service: Type.String({ description: 'For example tcp:192.0.2.1:80 or tcp:[2001:db8::1]:80.' }),
  dest: Type.String({ description: 'For example 10.0.0.2:8080 or [2001:db8::2]:8080.' }),
})
export const InterfacePathSchema = Type.Object({ name: interfaceName })

export const DestViewSchema = Type.Object({
  origin,
  address,
  port,
  ...destFields,
  active: count,
  inactive: count,
  persistent: count,
  nextHop,
  overloaded: Type.Optional(
    Type.Literal(true, { description: 'It is full, and gets no new connections.' }),
  ),
  slowStartLeftS: Type.Optional(
    Type.Integer({ minimum: 1, description: 'Seconds until it has its weight, in a slow start.' }),
  ),
  traffic: TrafficSchema,
  rates: RatesSchema,
  notActive,
})

const DrainSchema = Type.Object(
  {
    address,
    port,
    fwd: destFields.fwd,
    active: count,
    inactive: count,
    leftS: Type.Integer({ minimum: 0, description: 'Seconds that they may go on.' }),
  },
  { description: 'A removed dest whose connections go on for a while.' },
)

export const ServicesSchema = Type.Object({
  services: Type.Array(
    Type.Object({
      ...eitherId,
      ...serviceFields,
      name,
      origin,
      vipLocal: Type.Boolean({ description: 'Whether the virtual address is one of this host.' }),
      traffic: TrafficSchema,
      rates: RatesSchema,
      dests: Type.Array(DestViewSchema, { description: 'Newest first.' }),
      drains: Type.Optional(Type.Array(DrainSchema)),
      notActive,
    }),
  ),
})

const someText = (description: string) => Type.Optional(Type.String({ description }))

export const ConnQuerySchema = Type.Object(
  {
    service: someText('Only of this service, for example tcp:192.0.2.1:80.'),
    dest: someText('Only to this address, or address:port.'),
    client: someText('Only of this address, or address:port.'),
    state: someText('Only in this state, for example ESTABLISHED.'),
    limit: someText('Connections in a page, 1 to 10000; default 1000.'),
    after: someText('Goes on after a page: its next.'),
  },
  strict,
)

export const ConnsSchema = Type.Object({
  next: someText('Where the next page begins; missing on the last.'),
  conns: Type.Array(
    Type.Object({
      protocol: Type.Union([protocol, Type.Literal('ip')]),
      state: Type.String(),
      expiresS: Type.Integer({ minimum: 0, description: 'Seconds left.' }),
      client: addressAndPort,
      virtual: addressAndPort,
      dest: addressAndPort,
      fwd: destFields.fwd,
      isTemplate: Type.Optional(Type.Literal(true)),
      engine: Type.Optional(
        Type.Object(
          { name: Type.Enum([...ENGINES]), data: Type.String() },
          { description: 'Of a template: its persistence engine, and what that goes by.' },
        ),
      ),
    }),
  ),
})

export const StatsSchema = Type.Object({
  total: TrafficSchema,
  rates: RatesSchema,
  cpus: Type.Array(TrafficSchema, {
    description: 'What each CPU has counted since the start; a zero does not change it.',
  }),
  services: Type.Array(
    Type.Object({ ...eitherId, name, traffic: TrafficSchema, rates: RatesSchema }),
  ),
  reasons: Type.Array(Type.Object({ reason: Type.String(), packets: count })),
  connections: Type.Array(
    Type.Object({
      family: Type.Union([Type.Literal(4), Type.Literal(6)]),
      slots: count,
      used: count,
      stashed: count,
    }),
  ),
})

export const ReasonsSchema = Type.Object({
  reasons: Type.Array(
    Type.Object({
      reason: Type.String(),
      packets: count,
      becomes: Type.Enum(['passed', 'forwarded', 'answered', 'dropped']),
      means: Type.String({ description: 'Why, in some words.' }),
      look: Type.String({ description: 'What to look at when the count rises; may be empty.' }),
    }),
  ),
})

export const VersionSchema = Type.Object({
  xlvs: Type.String(),
  abi: Type.Integer(),
  kernel: Type.String(),
  programTag: Type.String({ description: 'Tag of the XDP program in force.' }),
})

export const InterfacesSchema = Type.Object({
  interfaces: Type.Array(
    Type.Object({
      name: Type.String(),
      ifindex: count,
      mode,
      present: Type.Boolean(),
      running: Type.Boolean(),
      origin,
    }),
  ),
})

const warnings = Type.Array(
  Type.Object({
    kind: Type.String({ description: 'Stable; MANUAL lists them.' }),
    message: Type.String(),
    cure: Type.String({ description: 'One command that helps.' }),
  }),
)
export const WarningsSchema = Type.Object({ warnings })

const WantedDaemonSchema = Type.Optional(Type.Object(syncWish, strict))
export const DaemonSchema = Type.Object({ role, ...syncWish }, strict)
export const DaemonPathSchema = Type.Object({ role })
export const DaemonsSchema = Type.Object({
  daemons: Type.Array(
    Type.Object({ role, interface: Type.String(), ...syncFields, origin, notActive }),
    { description: 'Those that run, the master first.' },
  ),
})

const CODES = Object.keys(ERROR_CODES) as ErrorCode[]

const AboutSchema = Type.Object({
  what: Type.Enum(['service', 'dest', 'interface', 'setting', 'daemon', 'mark']),
  name: Type.String(),
  service: Type.Optional(Type.String({ description: 'Of a dest.' })),
  message: Type.Optional(Type.String({ description: 'What is wrong with this one.' })),
})

export const ErrorSchema = Type.Object(
  {
    error: Type.Object({
      code: Type.Enum(CODES, { description: 'Stable; MANUAL says more of each.' }),
      message: Type.String(),
      hint: Type.String({ description: 'One thing to try.' }),
      about: Type.Optional(
        Type.Array(AboutSchema, { description: 'What of a configuration it is about.' }),
      ),
    }),
  },
  { description: 'Refused or failed; nothing has changed.' },
)

const named = { id: Type.String(), at: Type.String({ description: 'ISO 8601, UTC.' }) }
const serviceText = { service: Type.String({ description: 'For example tcp:192.0.2.1:80.' }) }
const destText = { dest: Type.String({ description: 'For example 10.0.0.2:8080.' }) }
const interfaceText = { interface: Type.String() }
const serviceSettings = {
  ...serviceText,
  settings: Type.Object({ ...serviceFields, name, origin: someOrigin }),
}
const destSettings = {
  ...serviceText,
  ...destText,
  settings: Type.Object({ ...destFields, origin: someOrigin }),
}

/** An event of a kind, or of one of two kinds that say the same. */
function event<K extends string, P extends Record<string, TSchema>>(kinds: K[], fields: P) {
  return Type.Object({ ...named, kind: Type.Enum(kinds), ...fields })
}

export const EventSchema = Type.Union([
  event(['service-added', 'service-changed'], serviceSettings),
  event(['service-removed'], serviceText),
  event(['dest-added', 'dest-changed'], destSettings),
  event(['dest-removed'], { ...serviceText, ...destText }),
  event(['setting-changed'], { setting: Type.Enum(SETTING_NAMES), value: settingValue() }),
  event(['marks-changed'], { rules: count }),
  event(['many-changes'], { changes: count }),
  event(['counters-zeroed'], { service: Type.Optional(serviceText.service) }),
  event(['vip-local', 'vip-not-local'], serviceText),
  event(['next-hop'], { ...serviceText, ...destText, nextHop }),
  event(['interface-attached'], { ...interfaceText, mode }),
  event(['interface-detached'], interfaceText),
  event(['interface-gone', 'interface-back'], interfaceText),
  event(['interface-down', 'interface-up'], interfaceText),
  event(['overload', 'overload-over'], { packets: count }),
  event(['events-missed'], {}),
])

/** The stream is not JSON as a whole: each event's data is. */
export const EventsRouteSchema = {
  description: 'Server-sent events: kind, id and, as data, this object.',
  headers: Type.Object({
    'last-event-id': Type.Optional(Type.String({ description: 'Tell first what came since.' })),
  }),
  response: {
    200: { description: 'A stream.', content: { 'text/event-stream': { schema: EventSchema } } },
    default: ErrorSchema,
  },
}

export const ConfigurationSchema = Type.Object(
  {
    settings: WantedSettingsSchema,
    interfaces: Type.Array(Type.Object({ name: interfaceName, mode }, strict)),
    sync: Type.Optional(
      Type.Object({ master: WantedDaemonSchema, backup: WantedDaemonSchema }, strict),
    ),
    marks: Type.Optional(Type.Array(MarkRuleSchema)),
    services: Type.Array(
      byAddressOrMark({
        ...serviceFields,
        name,
        dests: Type.Array(DestSchema, { description: 'The newest last.' }),
      }),
    ),
  },
  strict,
)

const sign = Type.Enum(['added', 'changed', 'removed'])
const subject = Type.Enum(['service', 'dest', 'interface', 'setting', 'daemon', 'mark'])
const counts = Type.Object({
  ...{ services: count, dests: count, interfaces: count, settings: count, daemons: count },
  marks: count,
})
const itsService = Type.Optional(Type.String({ description: 'The service of a dest.' }))

export const AppliedSchema = Type.Object({
  changed: Type.Boolean({ description: 'false: all was so already, and nothing was written.' }),
  dryRun: Type.Boolean(),
  difference: Type.Object({
    items: Type.Array(
      Type.Object({
        sign,
        what: subject,
        name: Type.String(),
        service: itsService,
        details: Type.String(),
      }),
      { description: 'The first thousand.' },
    ),
    counts: Type.Object({ added: counts, changed: counts, removed: counts }),
  }),
  others: Type.Array(
    Type.Object({ what: subject, name: Type.String(), service: itsService, origin }),
    { description: 'The first hundred of what others own; it is left alone.' },
  ),
  othersCount: count,
  warnings: Type.Optional(warnings),
})

export const ApplyRouteSchema = {
  description:
    'Makes services, interfaces, sync daemons and settings what the configuration of a file ' +
    'says, all or nothing. With accept: application/x-ndjson, lines of {progress} and then one ' +
    '{applied} or {error}.',
  body: Type.Object(
    {
      file: Type.String({
        minLength: 1,
        maxLength: 4096,
        description: 'Path of the file, which is to own what it names.',
      }),
      configuration: ConfigurationSchema,
      takeOver: Type.Boolean({ description: 'Also what others own, where the file names it.' }),
      dryRun: Type.Boolean({ description: 'Only say what would change.' }),
    },
    strict,
  ),
  response: { 200: AppliedSchema, default: ErrorSchema },
}

/** Nothing to say: done. */
export const DoneSchema = Type.Null({ description: 'Done, journalled and in force.' })

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false
type Held<S extends TSchema, T> = Same<Static<S>, T>

/** What is in one member of a union only is there or not; answers say no more than that. */
type Flat<T> = Pick<T, keyof T> & {
  [K in Exclude<T extends unknown ? keyof T : never, keyof T>]?: T extends {
    [P in K]: infer V
  }
    ? V
    : never
}
type FlatStats = Omit<StatsView, 'services'> & { services: Flat<StatsView['services'][number]>[] }

/** Fails to compile when a schema and the model say different things. */
export const HELD_TO_THE_MODEL: [
  Held<typeof ServiceIdSchema, ServiceId>,
  Held<typeof ServiceSchema, ServiceId & Omit<ServiceSettings, 'origin'>>,
  Held<typeof ServiceSettingsSchema, Omit<ServiceSettings, 'origin'>>,
  Held<typeof DestSchema, Omit<Dest, 'origin'>>,
  Held<typeof DestSettingsSchema, Omit<DestSettings, 'origin'>>,
  Held<typeof ServicesSchema, { services: Flat<ServiceView>[] }>,
  Held<typeof ConnsSchema, ConnPage>,
  Held<typeof StatsSchema, FlatStats>,
  Held<typeof ReasonsSchema, { reasons: ReasonView[] }>,
  Held<typeof VersionSchema, VersionView>,
  Held<typeof InterfacesSchema, { interfaces: InterfaceView[] }>,
  Held<typeof WarningsSchema, { warnings: Warning[] }>,
  Held<typeof EventSchema, LvsEvent>,
  Held<typeof SettingsSchema, SettingsView>,
  Held<typeof AppliedSchema, Applied>,
  Held<typeof DaemonSchema, SyncWish & { role: SyncRole }>,
  Held<typeof DaemonsSchema, { daemons: SyncDaemonView[] }>,
] = [
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
]
