/**
 * The connection entries: found by what their packets have on the wire, either way. Two entries may
 * want one reply key; the newest answers. Read next: ipvs.ts. Source: ip_vs_conn.c (v6.12).
 *
 * Where xlvs differs on purpose, so does this: an entry whose time is over is not found, but it is
 * counted until the sweep, and one that is over or has ended hides older ones of its reply key.
 */
import type { Fwd, State } from './rules.ts'
import type { Candidate } from './schedulers.ts'
import type { Template } from './templates.ts'

export interface Dest extends Candidate {
  address: string
  fwd: Fwd
  /** Templates. */
  persistent: number
  traffic: Traffic
}

export interface Traffic {
  conns: number
  inPackets: number
  outPackets: number
  inBytes: number
  outBytes: number
}

export interface Entry {
  /** As a client's packet, and as a NAT dest's packet, has it on the wire. */
  key: string
  replyKey: string | undefined
  protocol: number
  client: string
  cport: number
  virtual: string
  vport: number
  dest: Dest
  /** Of the dest's side. */
  dport: number
  /** That which it was made from, until it ends. */
  control: Template | undefined
  fwd: Fwd
  state: State
  noOutput: boolean
  /** Last tick of its life. */
  until: number
}

/** A packet's addresses and ports. */
export function wireKey(
  protocol: number,
  from: string,
  sport: number,
  to: string,
  dport: number,
): string {
  return `${String.fromCharCode(protocol, sport, dport)}${from}${to}`
}

export class Entries {
  /** Those that are found by their clients' packets. */
  readonly byKey = new Map<string, Entry>()
  /** Oldest first. */
  readonly byReply = new Map<string, Entry[]>()
  /** Not found, and not swept yet: their time is over, or their client's port is 0. */
  over: Entry[] = []
  /** Ended ahead of their time, and not swept yet; they are counted no more. */
  ended: Entry[] = []

  readonly #answering: (entries: readonly Entry[]) => Entry | undefined

  /** @param answering which of several of one reply key does */
  constructor(answering: (entries: readonly Entry[]) => Entry | undefined) {
    this.#answering = answering
  }

  /** @param isFound whether its client's packets find it */
  add(entry: Entry, isFound: boolean): void {
    if (isFound) this.byKey.set(entry.key, entry)
    else this.over.push(entry)
    if (entry.replyKey === undefined) return
    const same = this.byReply.get(entry.replyKey)
    if (same) same.push(entry)
    else this.byReply.set(entry.replyKey, [entry])
  }

  request(key: string, now: number): Entry | undefined {
    const entry = this.byKey.get(key)
    if (!entry || entry.until >= now) return entry
    this.byKey.delete(entry.key)
    this.over.push(entry)
    return undefined
  }

  reply(key: string, now: number): Entry | undefined {
    const same = this.byReply.get(key)
    const newest = same && this.#answering(same)
    return newest && newest.until >= now ? newest : undefined
  }

  /** Ends one ahead of its time. */
  end(entry: Entry, now: number): void {
    entry.until = now - 1
    if (this.byKey.get(entry.key) === entry) this.byKey.delete(entry.key)
    this.over = this.over.filter(other => other !== entry)
    this.ended.push(entry)
  }

  /** Takes out what has ended, and what was over before a tick; gives the latter. */
  sweep(before: number): Entry[] {
    for (const entry of this.byKey.values())
      if (entry.until < before) {
        this.byKey.delete(entry.key)
        this.over.push(entry)
      }
    const gone = this.over.filter(entry => entry.until < before)
    if (gone.length > 0) this.over = this.over.filter(entry => entry.until >= before)
    for (const entry of [...gone, ...this.ended]) this.#unreply(entry)
    this.ended = []
    return gone
  }

  /** Those that are alive, or over and not swept yet. */
  counted(): Entry[] {
    return [...this.byKey.values(), ...this.over]
  }

  #unreply(entry: Entry): void {
    if (entry.replyKey === undefined) return
    const same = this.byReply.get(entry.replyKey)
    if (!same) return
    same.splice(same.indexOf(entry), 1)
    if (same.length === 0) this.byReply.delete(entry.replyKey)
  }
}
