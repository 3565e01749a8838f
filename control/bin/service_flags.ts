/**
 * The flags that describe a service, shared by `service add` and `service set`; the words are those
 * of lvs.yaml. Read next: ../config/field.ts (the values).
 */
import * as Flags from '@oclif/core/flags'
import {
  NONE,
  parseDestGone,
  parseEngine,
  parseNetmask,
  parsePersistence,
  parseSchedFlag,
  parseSlowStart,
} from '../config/field.ts'
import { parseLabel, parseScheduler } from '../config/name.ts'
import {
  familyOfService,
  SCHEDULERS,
  serviceSettingsOf,
  withoutUndefined,
  type SchedFlag,
  type ServiceId,
  type ServiceSettings,
} from '../model/service.ts'

const SCHEDULER = {
  char: 's',
  description: `who gets the next connection: ${SCHEDULERS.join(', ')}`,
  helpValue: 'NAME',
} as const

export const schedulerFlag = Flags.string(SCHEDULER)
export const newSchedulerFlag = Flags.string({ ...SCHEDULER, default: 'wlc' })

export const SERVICE_FLAGS = {
  'sched-flags': Flags.string({
    description: 'of the scheduler, with commas between: sh-fallback, sh-port, mh-.., maglev-port',
    helpValue: 'FLAGS',
  }),
  persistent: Flags.string({
    char: 'p',
    description: 'seconds that a client stays with its dest, 1 to 2678400, or none',
    helpValue: 'SECONDS',
  }),
  netmask: Flags.string({
    char: 'M',
    description: 'clients alike under it stay together: 255.255.255.0, in IPv6 64, or none',
    helpValue: 'MASK',
  }),
  engine: Flags.string({
    description: 'persistence engine, which sees from packets who stays together: sip, or none',
    helpValue: 'NAME',
  }),
  'one-packet': Flags.boolean({
    char: 'o',
    allowNo: true,
    description: 'schedule each packet alone, of udp and firewall marks',
  }),
  'dest-gone': Flags.string({
    description: 'what becomes of connections whose dest is removed: keep, drop, reset, drain:30',
    helpValue: 'WHAT',
  }),
  'slow-start': Flags.string({
    description: 'seconds in which a dest that comes comes to its weight, 1 to 86400, 0: at once',
    helpValue: 'SECONDS',
  }),
  name: Flags.string({
    description: 'what people call it, for example web; no two services have the same',
    helpValue: 'WORD',
  }),
}

interface Given {
  scheduler: string | undefined
  'sched-flags': string | undefined
  persistent: string | undefined
  netmask: string | undefined
  engine: string | undefined
  'one-packet': boolean | undefined
  'dest-gone': string | undefined
  'slow-start': string | undefined
  name: string | undefined
}

/**
 * The settings that flags make of those there are; what is not given stays, save that flags of
 * another scheduler mean something else and go.
 * @throws what config/field.ts and config/name.ts throw
 */
export function readService(flags: Given, id: ServiceId, now: ServiceSettings): ServiceSettings {
  const { scheduler: word, engine, persistent, netmask, name, 'dest-gone': gone } = flags
  const { 'slow-start': slow } = flags
  const scheduler = word === undefined ? now.scheduler : parseScheduler(word)
  const flagsNow = scheduler === now.scheduler ? now.schedFlags : undefined
  const family = familyOfService(id)
  return withoutUndefined<ServiceSettings>({
    ...serviceSettingsOf(now),
    scheduler,
    schedFlags: changed(flags['sched-flags'], readSchedFlags, flagsNow),
    persistentS: changed(persistent, parsePersistence, now.persistentS),
    netmask: changed(netmask, text => parseNetmask(text, family), now.netmask),
    engine: changed(engine, parseEngine, now.engine),
    onePacket: (flags['one-packet'] ?? now.onePacket) ? true : undefined,
    destGone: gone === undefined ? now.destGone : parseDestGone(gone),
    slowStartS: slow === undefined ? now.slowStartS : parseSlowStart(slow),
    name: name === undefined ? now.name : parseLabel(name),
  })
}

/** The value that a flag gives: as it was without one, none by that word. */
export function changed<T>(
  text: string | undefined,
  parse: (text: string) => T,
  now: T | undefined,
): T | undefined {
  if (text === undefined) return now
  return text === NONE ? undefined : parse(text)
}

/** @throws BAD_SCHED_FLAG */
function readSchedFlags(text: string): SchedFlag[] {
  return [...new Set(text.split(',').map(parseSchedFlag))].toSorted()
}
