/**
 * Whose an object is, and what those hear who change what a configuration file owns.
 * Read next: ../model/origin.ts.
 */
import { fileOf, originOf, type Origin } from '../model/origin.ts'
import { serviceName } from '../model/service.ts'
import type { Warning } from '../model/warning.ts'
import type { Draft } from '../plan/draft.ts'
import type { Change, Intent } from '../plan/intent.ts'

export function interfaceOrigin(intent: Intent, name: string): Origin {
  const origin = intent.interfaceOrigins[name]
  return originOf(origin === undefined ? {} : { origin })
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

/** What there is to warn of before a change is made. */
export function warningsFor(draft: Draft, change: Change): Warning[] {
  switch (change.op) {
    case 'setService':
      return warningsOf(draft.find(serviceName(change.service))?.service)
    case 'removeService':
      return warningsOf(draft.find(serviceName(change.id))?.service)
    case 'setDest':
    case 'removeDest':
      return warningsOf(draft.find(serviceName(change.service))?.dest(change.dest))
    case 'stopDaemon':
      return warningsOf(draft.daemons[change.role])
    default:
      return []
  }
}
