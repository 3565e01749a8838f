/**
 * What of marks leads nowhere: services that no rule leads to, marks without a service, rules of
 * interfaces that are not there; and services whose packets all go to a mark. Pure.
 * Read next: director.ts.
 */
import { familyOf } from '../model/address.ts'
import { markRuleText, type MarkRule } from '../model/mark.ts'
import { isMark, serviceName, type AddressServiceId, type ServiceId } from '../model/service.ts'
import type { Warning } from '../model/warning.ts'

/** More than people read are only counted. */
const NAMED_MAX = 5
/** Steps through the rules' tables in search of what they hide: some milliseconds of them. */
const STEPS_MAX = 20_000
const UNSEEN: Warning = {
  kind: 'hidden-by-mark',
  message: 'the mark rules are too many to see of each service whether they hide it',
  cure: 'xlvs mark list',
}

/**
 * @param hasInterface whether there is one of that name
 * @param marksOf the marks that packets of a service may get, 0: none
 */
export function markWarnings(
  services: readonly ServiceId[],
  rules: readonly MarkRule[],
  hasInterface: (name: string) => boolean,
  marksOf: (service: AddressServiceId) => Iterable<number>,
): Warning[] {
  const ofMarks = services.filter(isMark)
  const names = new Set(ofMarks.map(serviceName))
  const ledTo = new Set(rules.map(nameOf))
  const marking = rules.filter(({ mark }) => mark !== 0)
  const { hidden, isWhole } = hidings(services, names, marksOf)
  return [
    ...some(
      'mark-without-rule',
      ofMarks.map(serviceName).filter(name => !ledTo.has(name)),
      name => `no mark rule leads to ${name}, so no packet comes to it`,
      'xlvs mark add',
    ),
    ...some(
      'mark-without-service',
      [...new Set(marking.map(nameOf))].filter(name => !names.has(name)),
      name => `mark rules lead to ${name}, of which there is no service`,
      'xlvs service add, or xlvs mark remove',
    ),
    ...some(
      'mark-without-interface',
      rules.filter(rule => rule.interface !== undefined && !hasInterface(rule.interface)),
      rule => `there is no interface ${rule.interface}: ${markRuleText(rule)} matches nothing`,
      'ip -br link',
    ),
    ...some(
      'hidden-by-mark',
      hidden,
      ([service, mark]) =>
        `mark rules give all packets of ${service} a mark, and ${mark} comes first: the service ` +
        'gets no new connections',
      'xlvs mark remove, or take the service away',
    ),
    ...(isWhole ? [] : [UNSEEN]),
  ]
}

/** Services and a mark of their packets, when each of them is some service's by mark. */
function hidings(
  services: readonly ServiceId[],
  marks: ReadonlySet<string>,
  marksOf: (service: AddressServiceId) => Iterable<number>,
): { hidden: [service: string, mark: string][]; isWhole: boolean } {
  const hidden: [service: string, mark: string][] = []
  let steps = 0
  for (const service of services) {
    if (isMark(service)) continue
    const family = familyOf(service.address)
    let name = ''
    for (const mark of marksOf(service)) {
      if (++steps > STEPS_MAX) return { hidden, isWhole: false }
      name = serviceName({ protocol: 'fwmark', family, mark })
      if (!marks.has(name)) break
    }
    if (marks.has(name)) hidden.push([serviceName(service), name])
  }
  return { hidden, isWhole: true }
}

function nameOf({ family, mark }: MarkRule): string {
  return serviceName({ protocol: 'fwmark', family, mark })
}

function some<T>(
  kind: string,
  found: readonly T[],
  message: (one: T) => string,
  cure: string,
): Warning[] {
  const named = found.slice(0, NAMED_MAX).map(one => ({ kind, message: message(one), cure }))
  const more = found.length - named.length
  if (more <= 0) return named
  return [...named, { kind, message: `${more} more are like that`, cure: 'xlvs mark list' }]
}
