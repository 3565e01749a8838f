/**
 * Templates: what a persistent service remembers of a client, and for how long. Read next: ipvs.ts.
 * Source: the specification (10); ip_vs_core.c ip_vs_sched_persist, ip_vs_conn.c ip_vs_conn_expire
 * (v6.12).
 *
 * Where xlvs differs on purpose, so does this: whether one goes on is decided when it is asked for
 * or swept, by the connections that it had at each end of its time.
 */
import type { Dest } from './entries.ts'

export interface Template {
  /** What it is found by; and once it is not found any more, that it is lost. */
  key: TemplateKey
  isLost: boolean
  dest: Dest
  /** Last tick of its time, and how many it begins again with. */
  until: number
  lasts: number
  /** Connections made from it that were not swept. */
  controls: number
}

export interface TemplateKey {
  /** 0 with a mark. */
  protocol: number
  /** As far as it counts; bytes as latin1. */
  client: string
  /** Or the mark in its first four bytes. */
  virtual: string
  port: number
}

/** What of a service says who shares a template. */
export interface Grouping {
  port: number
  /** 0: it is none by mark. */
  mark: number
  /** How much of a client's address counts: dotted in IPv4, bits in IPv6; '': all of it. */
  mask: string
}

/** Who asks for a connection, and where. */
export interface Asking {
  protocol: number
  from: string
  to: string
  dport: number
}

const FTP = 21

/** Its key (10.2). */
export function templateKey({ protocol, from, to, dport }: Asking, of: Grouping): TemplateKey {
  const client = masked(from, of.mask)
  const port = dport === of.port && dport !== FTP ? dport : 0
  if (of.mark === 0 || dport === 0) return { protocol, client, virtual: to, port }
  const mark = Buffer.alloc(to.length)
  mark.writeUInt32BE(of.mark)
  return { protocol: 0, client, virtual: mark.toString('latin1'), port }
}

/** The address as far as it counts. */
export function masked(address: string, mask: string): string {
  if (mask === '') return address
  const bytes = Buffer.from(address, 'latin1')
  if (bytes.length === 4) {
    const kept = mask.split('.').map(Number)
    return Buffer.from(bytes.map((byte, i) => byte & (kept[i] ?? 0))).toString('latin1')
  }
  const bits = Number(mask)
  const kept = bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - 8 * i))))
  return Buffer.from(kept).toString('latin1')
}

export class Templates {
  readonly #found = new Map<string, Template>()
  #lost: Template[] = []

  /**
   * One that a connection may be made from, with that connection; its time begins again (10.4).
   * @param keeps whether the dest gets its clients' new connections
   * @param again ticks that one goes on for over its time
   */
  hold(
    key: TemplateKey,
    now: number,
    keeps: (dest: Dest) => boolean,
    again: number,
  ): Template | undefined {
    const one = this.#found.get(textOf(key))
    if (!one) return undefined
    if (!keeps(one.dest)) {
      one.isLost = true
      this.#found.delete(textOf(key))
      this.#lost.push(one)
      return undefined
    }
    if (one.until < now) {
      if (one.controls === 0) {
        this.end(one)
        return undefined
      }
      one.lasts = again
    }
    one.until = now + one.lasts
    one.controls++
    return one
  }

  /** A new one, with the connection that it was made for. */
  make(key: TemplateKey, dest: Dest, now: number, lasts: number): Template {
    const one = { key, isLost: false, dest, until: now + lasts, lasts, controls: 1 }
    this.#found.set(textOf(key), one)
    dest.persistent++
    return one
  }

  end(one: Template): void {
    if (!one.isLost) this.#found.delete(textOf(one.key))
    this.#lost = this.#lost.filter(other => other !== one)
    one.dest.persistent--
  }

  /**
   * Those over their time before a tick go, unless connections keep them.
   * @param ends when the connections ended that have just gone
   * @param again how long one goes on for: from the end of its time, and from then on
   */
  sweep(
    before: number,
    ends: Map<Template, number[]>,
    again: { next: (until: number) => number; lasts: number },
  ): void {
    for (const one of this.all()) {
      while (one.until < before) {
        const had = (ends.get(one) ?? []).filter(end => end > one.until).length
        if (one.controls + had === 0) {
          this.end(one)
          break
        }
        one.until = again.next(one.until)
        one.lasts = again.lasts
      }
    }
  }

  all(): Template[] {
    return [...this.#found.values(), ...this.#lost]
  }
}

function textOf({ protocol, client, virtual, port }: TemplateKey): string {
  return `${String.fromCharCode(protocol, port)}${client}${virtual}`
}
