/**
 * Dests that were removed and whose connections go on for a while, by dest_gone drain: what is left
 * of that is a tick in the dest's row. Read next: tables.ts, ../../bpf/renew.h.
 */
import { GONE } from '../abi/maps.gen.ts'
import { serviceName, type DrainView, type ServiceId } from '../model/service.ts'
import { FORWARDING } from './conns.ts'
import type { Kernel } from './kernel.ts'
import type { Tables } from './tables.ts'

/** Those of a service that have connections yet, in no order. */
export function drainsOf(
  tables: Tables,
  kernel: Pick<Kernel, 'clock' | 'ticksPerSecond'>,
  service: ServiceId,
): DrainView[] {
  return tables.allDestIds(serviceName(service)).flatMap(id => {
    if (tables.isAvailable(id)) return []
    const { gone, fwd } = tables.dests.get(id)
    const { active, inactive, tick } = tables.destConns.get(id)
    const owner = tables.ownerOf(id)
    if (gone !== GONE.GONE_DRAIN || active + inactive === 0 || !owner) return []
    const left = (tick - kernel.clock()) | 0 // ticks wrap
    if (left < 0) return []
    const leftS = Math.round(left / kernel.ticksPerSecond)
    return [{ ...owner.dest, fwd: FORWARDING[fwd] ?? 'nat', active, inactive, leftS }]
  })
}
