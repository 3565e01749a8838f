/**
 * The shapes of a batch: each change as the request that makes it alone. Read next: schemas.ts.
 */
import { Type, type Static } from '@fastify/type-provider-typebox'
import { BATCH_MAX } from './options.ts'
import {
  DestPathSchema,
  DestSchema,
  DestSettingsSchema,
  ErrorSchema,
  ServicePathSchema,
  ServiceSchema,
  ServiceSettingsSchema,
  WarningsSchema,
} from './schemas.ts'

const strict = { additionalProperties: false }
const op = <O extends string>(name: O) => Type.Literal(name)
const inService = ServicePathSchema.properties
const ofDest = DestPathSchema.properties

/** A change as it travels in a batch: the path and the body of the request that makes it alone. */
export type WireChange =
  | { op: 'addService'; service: Static<typeof ServiceSchema> }
  | { op: 'setService'; service: string; settings: Static<typeof ServiceSettingsSchema> }
  | { op: 'removeService'; service: string }
  | { op: 'addDest'; service: string; dest: Static<typeof DestSchema> }
  | { op: 'setDest'; service: string; dest: string; settings: Static<typeof DestSettingsSchema> }
  | { op: 'removeDest'; service: string; dest: string }

/** Which of the shapes it has is told by its op. */
const wireChange = Type.Unsafe<WireChange>({
  type: 'object',
  required: ['op'],
  discriminator: { propertyName: 'op' },
  oneOf: [
    Type.Object({ op: op('addService'), service: ServiceSchema }, strict),
    Type.Object({ op: op('setService'), ...inService, settings: ServiceSettingsSchema }, strict),
    Type.Object({ op: op('removeService'), ...inService }, strict),
    Type.Object({ op: op('addDest'), ...inService, dest: DestSchema }, strict),
    Type.Object({ op: op('setDest'), ...ofDest, settings: DestSettingsSchema }, strict),
    Type.Object({ op: op('removeDest'), ...ofDest }, strict),
  ],
})

export const BatchRouteSchema = {
  description:
    'Makes many changes of services and dests, in their order, each for itself: one that is ' +
    'refused does not keep others away. Answered when all are journalled and in force.',
  body: Type.Object(
    { changes: Type.Array(wireChange, { minItems: 1, maxItems: BATCH_MAX }) },
    strict,
  ),
  response: {
    200: Type.Object({
      outcomes: Type.Array(
        Type.Object({
          warnings: Type.Optional(WarningsSchema.properties.warnings),
          error: Type.Optional(ErrorSchema.properties.error),
        }),
        { description: 'One for each change, in their order; empty: done.' },
      ),
    }),
    default: ErrorSchema,
  },
}
