/**
 * Tables asked for in another size than the pinned ones have, which keep theirs: what the log says
 * of each. Pure. Read next: ../dataplane/sizes.ts.
 */
import { sizesFor } from '../dataplane/sizes.ts'
import { FAMILIES, type Both } from '../dataplane/slots.ts'
import type { DaemonOptions } from './options.ts'

export const RESIZING =
  'the connection table keeps the size that its pinned map has; another one takes detach, ' +
  'a stop, the removal of the pin folder, and a start, and costs all connections'

const FLAGS = ['connections', 'connections6'] as const

/** Fields of a log line for each table; `slots` is what the tables have. */
export function resizing(
  options: Pick<DaemonOptions, (typeof FLAGS)[number] | 'asked'>,
  slots: Both<number>,
): { flag: string; slots: number; asked: number }[] {
  const wanted = sizesFor([options.connections, options.connections6], 1).slots
  return FAMILIES.flatMap(family => {
    const flag = FLAGS[family]
    const [has, asked] = [slots[family], wanted[family]]
    if (options.asked?.includes(flag) !== true || has === asked) return []
    return [{ flag: `--${flag}`, slots: has, asked }]
  })
}
