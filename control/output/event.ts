/**
 * Events as lines for people, as `xlvs watch` prints them. Pure.
 */
import type { LvsEvent } from '../model/event.ts'

/** When, and what happened, in one line. */
export function eventText(event: LvsEvent): string {
  return `${event.at}  ${sentence(event)}\n`
}

function sentence(event: LvsEvent): string {
  switch (event.kind) {
    case 'service-added':
      return `service ${event.service} added: ${listed(event.settings)}`
    case 'service-changed':
      return `service ${event.service} changed: ${listed(event.settings)}`
    case 'service-removed':
      return `service ${event.service} removed`
    case 'dest-added':
      return `dest ${event.dest} of ${event.service} added: ${listed(event.settings)}`
    case 'dest-changed':
      return `dest ${event.dest} of ${event.service} changed: ${listed(event.settings)}`
    case 'dest-removed':
      return `dest ${event.dest} of ${event.service} removed`
    case 'setting-changed':
      return `setting ${event.setting} is ${event.value}`
    case 'marks-changed':
      return `mark rules changed: there are ${event.rules}`
    case 'many-changes':
      return `${event.changes} changes at once: see xlvs show`
    case 'counters-zeroed':
      return `counters of ${event.service ?? 'all services'} are zero`
    case 'vip-local':
      return `VIP of ${event.service} is local`
    case 'vip-not-local':
      return `VIP of ${event.service} is not local: nothing is balanced for it`
    case 'next-hop':
      return `next hop to dest ${event.dest} of ${event.service}: ${event.nextHop}`
    default:
      return aroundSentence(event)
  }
}

type Around = Extract<LvsEvent, { interface: string } | { packets: number }>

function aroundSentence(event: Around | Extract<LvsEvent, { kind: 'events-missed' }>): string {
  switch (event.kind) {
    case 'interface-attached':
      return `interface ${event.interface} attached (${event.mode})`
    case 'interface-detached':
      return `interface ${event.interface} detached`
    case 'interface-gone':
      return `interface ${event.interface} has gone or lost the program`
    case 'interface-back':
      return `interface ${event.interface} is back`
    case 'interface-down':
      return `interface ${event.interface} is down or has no link: nothing comes in by it`
    case 'interface-up':
      return `interface ${event.interface} is up`
    case 'overload':
      return `the connection table is full: ${event.packets} packets dropped in a second`
    case 'overload-over':
      return `the connection table is not full any more: ${event.packets} packets were dropped`
    case 'events-missed':
      return 'events were missed: see xlvs show'
  }
}

function listed(settings: object): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(', ')
}
