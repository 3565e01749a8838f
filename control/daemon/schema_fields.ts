/**
 * The fields of services, dests and sync daemons in the API, for all shapes that have them.
 * Read next: schemas.ts.
 */
import { Type, type Static, type TSchema } from '@fastify/type-provider-typebox'
import { ADDRESS_PATTERN, INTERFACE_PATTERN, NETMASK_PATTERN } from '../config/name.ts'
import { INTERFACE_NAME_MAX } from '../config/refusal.ts'
import {
  ENGINES,
  FORWARDING_METHODS,
  MARK_MAX,
  PERSISTENT_S_MAX,
  PORT_MAX,
  PROTOCOLS,
  SCHED_FLAGS,
  SCHEDULERS,
  SLOW_START_S_MAX,
  THRESHOLD_MAX,
  type DestGone,
  TUNNEL_CHECKSUMS,
  TUNNEL_TYPES,
  WEIGHT_MAX,
} from '../model/service.ts'
import { SYNC_ID_MAX, SYNC_MAXLEN_MAX, SYNC_ROLES, SYNC_TTL_MAX } from '../model/sync.ts'

export const strict = { additionalProperties: false }

export const protocol = Type.Enum([...PROTOCOLS], { description: 'Protocol of the service.' })
export const address = Type.String({
  pattern: ADDRESS_PATTERN,
  description: 'IPv4 or IPv6 address.',
})
export const port = Type.Integer({
  minimum: 0,
  maximum: PORT_MAX,
  description: 'Port; 0: any, of persistent services and of dests of such and of marks only.',
})
const markId = {
  protocol: Type.Enum(['fwmark'], { description: 'Firewall mark instead of address and port.' }),
  family: Type.Enum([4, 6], { description: 'Family of the packets.' }),
  mark: Type.Integer({ minimum: 1, maximum: MARK_MAX, description: 'Firewall mark.' }),
}
const scheduler = Type.Enum([...SCHEDULERS], { description: 'Who gets the next connection.' })
export const serviceFields = {
  scheduler,
  schedFlags: Type.Optional(
    Type.Array(Type.Enum([...SCHED_FLAGS]), {
      minItems: 1,
      maxItems: SCHED_FLAGS.length,
      uniqueItems: true,
      description: "The scheduler's: of sh and mh flag-1 is fallback and flag-2 is port.",
    }),
  ),
  persistentS: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: PERSISTENT_S_MAX,
      description: 'Seconds that a client stays with its dest; missing: not persistent.',
    }),
  ),
  netmask: Type.Optional(
    Type.String({
      pattern: NETMASK_PATTERN,
      description: "Of clients that stay together: 255.255.255.0 or IPv6's 64; missing: whole.",
    }),
  ),
  onePacket: Type.Optional(Type.Literal(true, { description: 'Each packet is scheduled alone.' })),
  engine: Type.Optional(Type.Enum([...ENGINES], { description: 'Persistence engine.' })),
  destGone: Type.Optional(
    Type.Unsafe<DestGone>({
      type: 'string',
      pattern: '^(keep|drop|reset|drain:[1-9][0-9]{0,4})$',
      description:
        'What becomes of connections whose dest is removed: keep, drop, reset or drain:SECONDS; ' +
        'missing: as it was, keep at first.',
    }),
  ),
  slowStartS: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: SLOW_START_S_MAX,
      description:
        'Seconds in which a dest that comes to the service comes to its weight, by wrr, wlc, lc, ' +
        'sed and nq; 0: at once; missing: as it was, 0 at first.',
    }),
  ),
}
const fwd = Type.Enum([...FORWARDING_METHODS], { description: 'Forwarding method.' })
const weight = Type.Integer({
  minimum: 0,
  maximum: WEIGHT_MAX,
  description: 'Share of new connections; 0: quiesced, none.',
})
const threshold = (description: string) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum: THRESHOLD_MAX, description }))
export const destFields = {
  fwd,
  weight,
  upper: threshold('Connections from which on it gets no new ones.'),
  lower: threshold('Below so many it gets new ones again.'),
  tunnel: Type.Optional(
    Type.Object(
      {
        type: Type.Enum([...TUNNEL_TYPES], { description: 'Of tun; missing: IP in IP.' }),
        port: Type.Optional(
          Type.Integer({ minimum: 1, maximum: PORT_MAX, description: 'UDP port of gue.' }),
        ),
        checksum: Type.Optional(Type.Enum([...TUNNEL_CHECKSUMS])),
      },
      strict,
    ),
  ),
}
export const interfaceName = Type.String({ pattern: INTERFACE_PATTERN, description: 'Interface.' })
export const count = Type.Integer({ minimum: 0 })
export const notActive = Type.Array(Type.String(), {
  description: 'What of it the data plane does not do yet; it is kept and listed.',
})

/** An id by address, or one by mark, with the same fields besides. */
export function byAddressOrMark<P extends Record<string, TSchema>>(fields: P) {
  const byAddress = Type.Object({ protocol, address, port, ...fields }, strict)
  const mark = Type.Object({ ...markId, ...fields }, strict)
  return Type.Unsafe<Static<typeof byAddress> | Static<typeof mark>>({
    type: 'object',
    discriminator: { propertyName: 'protocol' },
    required: ['protocol'],
    oneOf: [byAddress, mark],
  })
}

/** As it is answered: with the fields of an address, or with those of a mark. */
export const eitherId = {
  protocol: Type.Enum([...PROTOCOLS, 'fwmark']),
  address: Type.Optional(Type.String({ description: 'Missing where there is a mark.' })),
  port: Type.Optional(count),
  family: Type.Optional(markId.family),
  mark: Type.Optional(markId.mark),
}

export const role = Type.Enum([...SYNC_ROLES], { description: 'What the daemon does.' })
export const syncFields = {
  syncId: Type.Integer({
    minimum: 0,
    maximum: SYNC_ID_MAX,
    description: 'Of messages; a backup with 0 takes all.',
  }),
  maxLen: Type.Integer({
    minimum: 1,
    maximum: SYNC_MAXLEN_MAX,
    description: 'Longest message, bytes of UDP payload.',
  }),
  group: Type.String({ pattern: ADDRESS_PATTERN, description: 'Multicast address.' }),
  port: Type.Integer({ minimum: 1, maximum: PORT_MAX, description: 'Port of the group.' }),
  ttl: Type.Integer({ minimum: 1, maximum: SYNC_TTL_MAX, description: 'TTL or hop limit.' }),
}
export const syncWish = {
  interface: Type.String({
    minLength: 1,
    maxLength: INTERFACE_NAME_MAX,
    description: 'By which it sends or receives.',
  }),
  syncId: Type.Optional(syncFields.syncId),
  maxLen: Type.Optional(syncFields.maxLen),
  group: Type.Optional(syncFields.group),
  port: Type.Optional(syncFields.port),
  ttl: Type.Optional(syncFields.ttl),
}
