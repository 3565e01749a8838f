/**
 * A life: steps made up one after the other, done in model and program, until they differ; and how
 * the story that led there is made short. Read next: generator.ts, world.ts.
 */
import { randomFrom } from '../support/random.ts'
import { beginning, Generator } from './generator.ts'
import { markText } from './marks.ts'
import { opText, type Beginning, type Op } from './ops.ts'
import { World, type WorldOptions } from './world.ts'

/** What a life did, and how it came to differ. */
export interface Life {
  steps: number
  /** Packets by the reason they left for. */
  reasons: Map<string, number>
  fault?: Fault
}

export interface Fault {
  difference: string
  beginning: Beginning
  story: Op[]
}

/** A story is not made shorter for longer than this. */
const SHORTEN_MS = 20_000
/** Steps of a story that are shown at most. */
const SHOWN = 30

/** Lives for so many steps, or until model and program differ. */
export async function live(seed: number, steps: number, options: WorldOptions): Promise<Life> {
  const random = randomFrom(seed)
  const start = beginning(random)
  const world = await World.begin(start, options)
  try {
    const generator = new Generator(random, world.ipvs, world.services)
    const first = generator.first()
    const story: Op[] = []
    while (story.length < steps) {
      const op = first.shift() ?? generator.next()
      story.push(op)
      const difference = world.apply(op)
      if (difference === '') continue
      const fault = { difference, beginning: start, story }
      return { steps: story.length, reasons: world.reasons, fault }
    }
    return { steps, reasons: world.reasons }
  } finally {
    world.end()
  }
}

/** The same fault by as few steps as are found in some seconds. */
export async function shortened(fault: Fault, options: WorldOptions): Promise<Fault> {
  const until = performance.now() + SHORTEN_MS
  let best = fault
  for (let size = fault.story.length >> 1; size > 0; size >>= 1)
    for (let from = best.story.length - size; from > -size; from -= size) {
      if (performance.now() > until) return best
      const rest = best.story.filter((_, i) => i < from || i >= from + size)
      const found = await replayed({ ...best, story: rest }, options)
      if (found) best = found
    }
  return best
}

/** Plays a story; how it came to differ, if it did. */
async function replayed(
  { beginning: start, story }: Fault,
  options: WorldOptions,
): Promise<Fault | undefined> {
  const world = await World.begin(start, options)
  try {
    for (const [i, op] of story.entries()) {
      const difference = world.apply(op, i === story.length - 1)
      if (difference !== '') return { difference, beginning: start, story: story.slice(0, i + 1) }
    }
    return undefined
  } finally {
    world.end()
  }
}

export function faultText({ difference, beginning: start, story }: Fault): string {
  const lines = story.slice(-SHOWN).map(opText)
  const services = start.services.map(
    (s, i) =>
      `${i}: ${s.protocol} ${s.address} ${s.port} ${s.scheduler} ${s.persistentS} ${s.onePacket}`,
  )
  const marks = start.marks.map(markText)
  const head = `mtu ${start.mtu}; services ${services.join(', ')}; marks ${marks.join(', ')}`
  return [head, `the last ${lines.length} of ${story.length} steps:`, ...lines, difference].join(
    '\n',
  )
}
