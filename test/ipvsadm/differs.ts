/**
 * differs.txt: the commands that are known to differ from the recorded ones, one scenario a line:
 * `file: scenario | numbers of its commands, from 1 | reason`. Read next: compare.ts.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const FILE = join(import.meta.dirname, 'differs.txt')
/** What stands where a reason is to be written; the test takes it for none. */
export const NO_REASON = 'not yet'

export interface Known {
  /** From 1. */
  numbers: Set<number>
  reason: string
}

/** By `file: scenario`. */
export async function readDiffers(): Promise<Map<string, Known>> {
  const lines = (await readFile(FILE, 'utf8')).split('\n')
  const known = lines.filter(Boolean).map((line): [string, Known] => {
    const [name = '', numbers = '', reason = ''] = line.split(' | ')
    return [name, { numbers: new Set(numbers.split(' ').flatMap(range)), reason }]
  })
  return new Map(known)
}

function range(text: string): number[] {
  const [first = 0, last = first] = text.split('-').map(Number)
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}

/** Writes what differs now; reasons that were there stay. */
export async function writeDiffers(found: ReadonlyMap<string, readonly number[]>): Promise<void> {
  const old = await readDiffers()
  const lines = [...found].map(([name, numbers]) =>
    [name, ranges(numbers), old.get(name)?.reason ?? NO_REASON].join(' | '),
  )
  await writeFile(FILE, lines.map(line => `${line}\n`).join(''))
}

/** 3 4 5 9 as `3-5 9`. */
function ranges(numbers: readonly number[]): string {
  const found: [first: number, last: number][] = []
  for (const number of numbers) {
    const last = found.at(-1)
    if (last?.[1] === number - 1) last[1] = number
    else found.push([number, number])
  }
  return found.map(([a, b]) => (a === b ? String(a) : `${a}-${b}`)).join(' ')
}
