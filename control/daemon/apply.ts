/**
 * A bulk change carried out: writes it to the data plane in an order that is safe to stop after any
 * write, and lets others have the event loop in between. Read next: director.ts, ../plan/diff.ts.
 */
import { XlvsError } from '../errors.ts'
import type { Applied, Progress } from '../model/difference.ts'
import { serviceName, type AttachMode, type ServiceId } from '../model/service.ts'
import type { Work } from '../model/work.ts'
import { desiring, type Wish } from '../plan/desired.ts'
import { bulkChange, differing } from '../plan/diff.ts'
import type { BulkChange, Intent, ServiceIntent } from '../plan/intent.ts'
import { destWeights, type Weights } from '../plan/schedule/weights.ts'
import { refuseMixed } from './accept.ts'
import { inSlices } from './slices.ts'

/** What the director can do with its hands. */
export interface Hands {
  attach(name: string, mode: AttachMode): void
  detach(name: string): void
  set(settings: Intent['settings']): void
  mark(rules: Intent['marks']): void
  /** @param isNews no change is taken back */
  publish(service: ServiceIntent, touches: readonly Weights[], isNews?: boolean): void
  withdraw(id: ServiceId): void
  nowMs(): number
}

/**
 * Writes a change that turns `before` into something else. What fails most easily comes first,
 * and removal last. @throws what the first write that fails throws; earlier ones stay
 */
export async function carryOut(
  hands: Hands,
  before: Intent,
  change: BulkChange,
  onProgress: (progress: Progress) => void,
  isNews = true,
): Promise<void> {
  for (const { name, mode } of change.attaches) {
    const was = before.interfaces[name]
    if (was === mode) continue
    if (was !== undefined) hands.detach(name)
    hands.attach(name, mode)
  }
  if (change.settings) hands.set(change.settings)
  if (change.marks) hands.mark(change.marks)
  const total = change.puts.length + change.removes.length
  let done = 0
  onProgress({ done, total })
  const work = function* (): Work<void> {
    for (const service of change.puts) {
      const was = before.services[serviceName(service.service)]
      const isTouched = was?.dests !== service.dests
      hands.publish(service, isTouched ? [destWeights(service.dests)] : [], isNews)
      done++
      yield
    }
    for (const id of change.removes) {
      hands.withdraw(id)
      done++
      yield
    }
  }
  await inSlices(
    work(),
    () => hands.nowMs(),
    () => {
      onProgress({ done, total })
    },
  )
  for (const name of change.detaches) hands.detach(name)
}

/**
 * What a wish comes to: what is told of it, and the change that does it, when there is any.
 * @throws OWNED_BY_OTHER, NAME_TAKEN, BAD_FAMILY, TABLE_FULL
 */
export function* planning(
  before: Intent,
  wish: Wish,
  sizes: { services: number; dests: number },
  dryRun: boolean,
): Work<{ applied: Applied; change: BulkChange | undefined }> {
  const { after, others, othersCount } = yield* desiring(before, wish)
  refuseMixed(after)
  yield
  const change = bulkChange(before, after)
  if (change) refuseTooMany(after, sizes)
  yield
  const found = { difference: yield* differing(before, after), others, othersCount }
  return { applied: { changed: change !== undefined, dryRun, ...found }, change }
}

/**
 * Whether the tables are large enough, before anything is written; what waits in the trash may
 * still take the room. @throws TABLE_FULL
 */
function refuseTooMany(after: Intent, sizes: { services: number; dests: number }): void {
  const services = Object.values(after.services)
  const dests = services.reduce((sum, service) => sum + service.dests.length, 0)
  const rows = [
    ['services', services.length, sizes.services],
    ['dests', dests, sizes.dests],
  ] as const
  for (const [what, wanted, size] of rows) {
    if (wanted < size) continue
    throw new XlvsError(
      'TABLE_FULL',
      `that would be ${wanted} ${what}: expected at most ${size - 1}`,
      'apply fewer of them',
    )
  }
}
