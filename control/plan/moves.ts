/**
 * What of a thing has one value before and another after, each in the words of lvs.yaml: of what is
 * changed, and of what a file wants otherwise than its owner. Pure. Read next: diff.ts.
 */
import type { DestSettings, ServiceSettings } from '../model/service.ts'
import { destWords, serviceWords, type Word } from '../model/words.ts'

/** `none` stands for no value. */
export interface Move {
  what: string
  was: string | number
  now: string | number
}

export function moved(what: string, was: string | number, now: string | number): Move[] {
  return was === now ? [] : [{ what, was, now }]
}

/** What has another value, has one now, or has one no more. */
export function movedWords(was: readonly Word[], now: readonly Word[]): Move[] {
  const [before, after] = [new Map(was), new Map(now)]
  const names = new Set([...before.keys(), ...after.keys()])
  return [...names].flatMap(name =>
    moved(name, before.get(name) ?? 'none', after.get(name) ?? 'none'),
  )
}

export function serviceMoves(was: ServiceSettings, now: ServiceSettings): Move[] {
  return [
    ...moved('scheduler', was.scheduler, now.scheduler),
    ...movedWords(serviceWords(was), serviceWords(now)),
  ]
}

export function destMoves(was: DestSettings, now: DestSettings): Move[] {
  return [
    ...moved('method', was.fwd, now.fwd),
    ...moved('weight', was.weight, now.weight),
    ...movedWords(destWords(was), destWords(now)),
  ]
}
