/** The shapes of mark rules in the API. Read next: marks_route.ts. */
import { Type } from '@fastify/type-provider-typebox'
import { INTERFACE_NAME_MAX } from '../config/refusal.ts'
import { MARK_PROTOCOLS } from '../model/mark.ts'
import { MARK_MAX, PORT_MAX } from '../model/service.ts'
import { origin } from './setting_schemas.ts'
import { strict } from './schema_fields.ts'

/** The longest IPv6 prefix. */
const PREFIX_LENGTH_MAX = 43

const port = Type.Integer({ minimum: 0, maximum: PORT_MAX })
const prefix = (what: string) =>
  Type.Optional(Type.String({ maxLength: PREFIX_LENGTH_MAX, description: what }))

const matchFields = {
  family: Type.Enum([4, 6], { description: 'Family of the packets.' }),
  protocol: Type.Optional(
    Type.Enum([...MARK_PROTOCOLS], { description: 'Missing: any; icmp is ICMPv6 in IPv6.' }),
  ),
  to: prefix('Prefix of the destination address.'),
  from: prefix('Prefix of the source address.'),
  ports: Type.Optional(
    Type.Object(
      { first: port, last: port },
      { ...strict, description: 'Destination ports, both ends included.' },
    ),
  ),
  interface: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: INTERFACE_NAME_MAX,
      description: 'By which packets come in.',
    }),
  ),
}
const mark = Type.Integer({
  minimum: 0,
  maximum: MARK_MAX,
  description: 'What packets get unless a later rule says otherwise; 0: none.',
})

export const MarkRuleSchema = Type.Object({ ...matchFields, mark }, strict)

const many = <S extends typeof MarkMatchSchema | typeof MarkRuleSchema>(one: S) =>
  Type.Object({ rules: Type.Array(one, { minItems: 1 }) }, strict)

const MarkMatchSchema = Type.Object(matchFields, strict)

export const MarkRulesSchema = many(MarkRuleSchema)
export const MarkMatchesSchema = many(MarkMatchSchema)
export const MarksSchema = Type.Object({
  marks: Type.Array(Type.Object({ ...matchFields, mark, origin }), {
    description: 'In their order: the last that matches a packet gives its mark.',
  }),
})
