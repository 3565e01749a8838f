/**
 * Whose an object is, and what those hear who change what a configuration file owns.
 * Read next: ../model/origin.ts.
 */
import { fileOf, originOf, type Origin } from '../model/origin.ts'
import { destName, serviceName, type Dest, type DestId, type ServiceId } from '../model/service.ts'
import type { Warning } from '../model/warning.ts'
import type { Intent } from '../plan/intent.ts'

export function interfaceOrigin(intent: Intent, name: string): Origin {
  const origin = intent.interfaceOrigins[name]
  return originOf(origin === undefined ? {} : { origin })
}

export function destIn(intent: Intent, service: ServiceId, dest: DestId): Dest | undefined {
  const dests = intent.services[serviceName(service)]?.dests ?? []
  return dests.find(known => destName(known) === destName(dest))
}

/** Whoever changes what a file owns hears that the file will have its way again. */
export function warningsOf(object: { origin?: Origin } | undefined): Warning[] {
  const file = object ? fileOf(originOf(object)) : undefined
  if (file === undefined) return []
  return [
    {
      kind: 'owned-by-file',
      message: `this belongs to the file ${file}, which the next xlvs apply of it restores`,
      cure: `change it in ${file} too`,
    },
  ]
}
