/**
 * Whose an object is, and what those hear who change what a configuration file owns, or ask for
 * what is not active yet.
 * Read next: ../model/origin.ts.
 */
import { fileOf, originOf, type Origin } from '../model/origin.ts'
import { destName, serviceName, type Dest, type Service, type ServiceId } from '../model/service.ts'
import type { SyncRole } from '../model/sync.ts'
import type { Warning } from '../model/warning.ts'
import { caveats, inactiveText, unheeded } from '../output/inactive.ts'
import { destNotActive, serviceNotActive } from '../plan/active.ts'
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

const KEPT = 'it is kept all the same; xlvs show says when nothing of it is missing any more'

/** Whoever asks for what is not active yet hears what packets see of it. */
export function inactive(service: Service): Warning[] {
  const missing = serviceNotActive(service)
  return [
    ...(missing.length === 0
      ? []
      : [{ kind: 'not-active', message: inactiveText(service, missing), cure: KEPT }]),
    ...unheeded(service).map(what => ({ kind: 'no-effect', ...what })),
  ]
}

/** The same of a dest, and what packets see of it that one may not expect. */
export function ofDest(service: Service, dest: Dest): Warning[] {
  return [...inactiveDest(service, dest), ...caveats(service, [dest])]
}

export function inactiveDest(service: ServiceId, dest: Dest): Warning[] {
  const missing = destNotActive(dest)
  if (missing.length === 0) return []
  const what = `${missing.join(', ')} of dest ${destName(dest)} of ${serviceName(service)}`
  return [{ kind: 'not-active', message: `not active yet: ${what}`, cure: KEPT }]
}

/** The same of a sync daemon. */
export function inactiveSync(role: SyncRole): Warning[] {
  const message = `the ${role} sync daemon is not active yet: no connections are shared`
  return [{ kind: 'not-active', message, cure: KEPT }]
}

/** What there is to warn of before a change is made. */
export function warningsFor(draft: Draft, change: Change): Warning[] {
  switch (change.op) {
    case 'addService':
      return inactive(change.service)
    case 'setService': {
      const was = draft.find(serviceName(change.service))
      const dests = was && change.service.onePacket ? was.intent.dests : []
      const found = [...inactive(change.service), ...caveats(change.service, dests)]
      return [...warningsOf(was?.service), ...found]
    }
    case 'addDest': {
      const service = draft.find(serviceName(change.service))?.service
      return service ? ofDest(service, change.dest) : []
    }
    case 'removeService':
      return warningsOf(draft.find(serviceName(change.id))?.service)
    case 'setDest': {
      const found = draft.find(serviceName(change.service))
      if (!found) return []
      return [...warningsOf(found.dest(change.dest)), ...ofDest(found.service, change.dest)]
    }
    case 'removeDest':
      return warningsOf(draft.find(serviceName(change.service))?.dest(change.dest))
    case 'startDaemon':
      return inactiveSync(change.role)
    case 'stopDaemon':
      return warningsOf(draft.daemons[change.role])
    default:
      return []
  }
}
