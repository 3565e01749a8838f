/**
 * The kernel's routes, folded from a dump and from changes. Several may share what names a route
 * (`ip route append`, hops of IPv6): a change among those cannot be told from its message, and all
 * routes are asked for again. Pure. Read next: watch.ts.
 */
import type { RouteInfo } from '../../addon/index.ts'

export class RouteTable {
  /** In the order of the dump, in which the kernel looks at them. */
  readonly #routes = new Map<string, RouteInfo[]>()

  /** One of a dump. */
  add(route: RouteInfo): void {
    const name = nameOf(route)
    const known = this.#routes.get(name)
    if (!known) this.#routes.set(name, [route])
    else if (!known.some(r => isSame(r, route))) known.push(route)
  }

  /** A change; false when only a new dump can tell what there is now. */
  take(route: RouteInfo, gone: boolean): boolean {
    const name = nameOf(route)
    const known = this.#routes.get(name) ?? []
    if (!gone && known.length === 0) this.add(route)
    else if (!gone) return known.some(r => isSame(r, route))
    else if (known.length === 1 && known[0] && isSame(known[0], route)) this.#routes.delete(name)
    else return known.length === 0
    return true
  }

  /** Forgets the routes of an interface that has gone down. */
  dropBy(ifindex: number): void {
    for (const [name, routes] of this.#routes) {
      const left = routes.filter(r => r.ifindex !== ifindex)
      if (left.length === 0) this.#routes.delete(name)
      else this.#routes.set(name, left)
    }
  }

  clear(): void {
    this.#routes.clear()
  }

  all(): RouteInfo[] {
    return [...this.#routes.values()].flat()
  }
}

/** What the kernel replaces one route by another by. */
function nameOf({ family, table, destination, prefix, tos, metric }: RouteInfo): string {
  return `${family} ${table} ${destination}/${prefix} ${tos} ${metric}`
}

function isSame(a: RouteInfo, b: RouteInfo): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
