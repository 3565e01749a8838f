/**
 * The API's shapes of settings. Values are looked at by config/setting.ts, which refuses wrong ones
 * in its own words; here they are numbers or texts. Read next: schemas.ts.
 */
import { Type, type TSchema } from '@fastify/type-provider-typebox'
import { expected } from '../config/setting.ts'
import type { Origin } from '../model/origin.ts'
import {
  SETTING_NAMES,
  SETTINGS,
  type SettingName,
  type Settings,
  type SettingValue,
} from '../model/settings.ts'

export const origin = Type.Unsafe<Origin>(
  Type.String({ description: 'Who made it: command, ipvsadm, api, or file and its path.' }),
)
export const someOrigin = Type.Optional(origin)

function bySetting<S extends TSchema>(schema: (name: SettingName) => S): Record<SettingName, S> {
  const entries = SETTING_NAMES.map(name => [name, schema(name)] as const)
  return Object.fromEntries(entries) as Record<SettingName, S>
}

export function settingValue(description = 'In force.') {
  return Type.Union([Type.Integer(), Type.String()], { description })
}

function wantedValue(name: SettingName) {
  const usual = String(SETTINGS[name].default)
  return settingValue(`Default ${usual}; expected ${expected(name)}.`)
}

export const SettingsSchema = Type.Object(
  bySetting(name =>
    Type.Object({
      value: wantedValue(name),
      default: settingValue('Where nobody has set it.'),
      origin: someOrigin,
      mode: Type.Optional(
        Type.Integer({ description: 'Where value is 1 or 2 and it is the other just now.' }),
      ),
      active: Type.Boolean({ description: 'Whether it has an effect; MANUAL says why not.' }),
    }),
  ),
)

export const SettingChangesSchema = Type.Unsafe<Record<string, SettingValue | null>>(
  Type.Object(
    bySetting(name => Type.Optional(Type.Union([wantedValue(name), Type.Null()]))),
    {
      minProperties: 1,
      description: 'Those to change, all or none; null: back to the default, and nobody owns it.',
    },
  ),
)

/** Those of a configuration. */
export const WantedSettingsSchema = Type.Unsafe<Settings>(
  Type.Object(
    bySetting(name => Type.Optional(wantedValue(name))),
    { additionalProperties: false },
  ),
)
