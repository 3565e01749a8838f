/**
 * What an apply changes, or would change, as it is told to people and programs. Pure.
 * Read next: ../plan/diff.ts (who finds it).
 */
import type { Origin } from './origin.ts'
import type { Warning } from './warning.ts'

export type Sign = 'added' | 'changed' | 'removed'
export type Subject = 'service' | 'dest' | 'interface' | 'setting' | 'daemon' | 'mark'

export interface DifferenceItem {
  sign: Sign
  what: Subject
  /** As on the command line: tcp:192.0.2.1:80, 10.0.0.2:8080, eth0, udp_timeout_s, master. */
  name: string
  /** The service of a dest. */
  service?: string
  /** What it is, or what changes about it: nat weight 1, or weight 1 to 2. */
  details: string
}

export interface Difference {
  /** The first ones, in an order fit for people; counts say how many there are. */
  items: DifferenceItem[]
  counts: Record<Sign, Record<`${Subject}s`, number>>
}

/** Something that another origin owns, and that was left alone. */
export interface Other {
  what: Subject
  name: string
  service?: string
  origin: Origin
}

export interface Applied {
  /** false: everything was so already, and nothing was written. */
  changed: boolean
  dryRun: boolean
  difference: Difference
  /** The first of what others own, and how many there are. */
  others: Other[]
  othersCount: number
  /** What of the change is kept, but not active yet. */
  warnings?: Warning[]
}

export interface Progress {
  /** Services written. */
  done: number
  total: number
}

/** More items than people read are counted only. */
export const ITEMS_MAX = 1000
export const OTHERS_MAX = 100
