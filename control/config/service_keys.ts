/**
 * What lvs.yaml says of a service besides its dests. Pure. Read next: check.ts.
 */
import { XlvsError } from '../errors.ts'
import {
  familyOfService,
  notAtOnce,
  notKeep,
  withoutUndefined,
  type SchedFlag,
  type ServiceId,
  type ServiceSettings,
} from '../model/service.ts'
import {
  parseDestGone,
  parseEngine,
  parseNetmask,
  parsePersistence,
  parseSchedFlag,
  parseSlowStart,
} from './field.ts'
import { parseLabel, parseScheduler } from './name.ts'
import type { Entry, Source, YamlNode } from './parse.ts'
import { shown } from './refusal.ts'
import { SCHEDULER_DEFAULT, type SERVICE_KEYS } from './schema.ts'

/** Names of services before, each with where it is. */
export type Names = Map<string, { keyNode: YamlNode }>

type Key = Exclude<(typeof SERVICE_KEYS)[number], 'dests'>

/** Reads the keys of a service; what is wrong with them is noted in the source. */
export function readServiceSettings(
  source: Source,
  keys: Map<string, Entry>,
  service: ServiceId | undefined,
  names: Names,
): ServiceSettings {
  const one = <T>(key: Key, example: string, parse: (text: string) => T): T | undefined => {
    const node = keys.get(key)?.value
    if (node === undefined) return undefined
    const text = source.text(node, key, `${key}: ${example}`)
    return text === undefined ? undefined : source.attempt(node, () => parse(text))
  }
  const family = service && familyOfService(service)
  return withoutUndefined<ServiceSettings>({
    scheduler: one('scheduler', 'wlc', parseScheduler) ?? SCHEDULER_DEFAULT,
    name: firstOfName(source, keys, one('name', 'web', parseLabel), names),
    schedFlags: readFlags(source, keys.get('sched_flags')?.value),
    persistentS: one('persistent_s', '360', parsePersistence),
    netmask: one('netmask', '255.255.255.0', text => parseNetmask(text, family)),
    engine: one('engine', 'sip', parseEngine),
    onePacket: one('one_packet', 'true', parseSwitch) === true ? true : undefined,
    destGone: notKeep(one('dest_gone', 'reset', parseDestGone)),
    slowStartS: notAtOnce(one('slow_start', '60', parseSlowStart)),
  })
}

function firstOfName(
  source: Source,
  keys: Map<string, Entry>,
  name: string | undefined,
  names: Names,
): string | undefined {
  const node = keys.get('name')?.value
  if (name === undefined || node === undefined) return undefined
  if (!source.isFirst(names, name, node, `the name ${name}`)) return undefined
  names.set(name, { keyNode: node })
  return name
}

function readFlags(source: Source, node: YamlNode | undefined): SchedFlag[] | undefined {
  if (node === undefined) return undefined
  const seen: Names = new Map()
  const flags = source.list(node, 'sched_flags', 'sh-port').flatMap(item => {
    const flag = source.attempt(item.node, () => parseSchedFlag(item.text))
    if (!flag || !source.isFirst(seen, flag, item.node, `the flag ${flag}`)) return []
    seen.set(flag, { keyNode: item.node })
    return [flag]
  })
  return flags.length > 0 ? flags.toSorted() : undefined
}

/** @throws BAD_TYPE */
function parseSwitch(text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true'
  throw new XlvsError(
    'BAD_TYPE',
    `one_packet is ${shown(text)}: expected true or false`,
    'for example: one_packet: true',
  )
}
