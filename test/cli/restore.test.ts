/**
 * ipvsadm -R makes many changes in few requests. Whatever the lines are, it must look as if each
 * had been carried out alone.
 */
import test from 'ava'
import fc from 'fast-check'
import { main } from '../../control/ipvs/main.ts'
import type { System } from '../../control/ipvs/system.ts'
import { BATCH_MAX } from '../../control/daemon/options.ts'
import { fakeDirector, serveDirector } from '../support/fake_director.ts'

/** What a run did and said; the screen has everything in its order. */
interface Ran {
  status: number
  screen: string
  bars: string[]
}

async function run(words: string[], socket: string, input = '', isTTY = false): Promise<Ran> {
  const ran: Ran = { status: 0, screen: '', bars: [] }
  const say = (text: string): void => {
    ran.screen += text
  }
  const system: System = {
    readInput: () => Promise.resolve(input),
    print: say,
    complain: say,
    terminal: { isTTY, write: (text: unknown) => ran.bars.push(String(text)) > 0 },
    services: () => '',
    hostOf: () => Promise.resolve(undefined),
    addressOf: () => Promise.resolve(undefined),
  }
  ran.status = await main(words, 'ipvsadm', system, socket)
  return ran
}

const T = (last: number): string => `-t 192.0.2.${last}:80`
const LINES = [
  ...[1, 2].flatMap(s => [`-A ${T(s)} -s rr`, `-E ${T(s)} -s wlc`, `-D ${T(s)}`]),
  ...[1, 2].flatMap(s => [
    `-a ${T(s)} -r 10.0.0.2:80 -m`,
    `-a ${T(s)} -r 224.0.0.1:80 -m`,
    `-a ${T(s)} -r [2001:db8::2]:80 -m`,
    `-e ${T(s)} -r 10.0.0.2:80 -m -w 5`,
    `-d ${T(s)} -r 10.0.0.2:80`,
  ]),
  ...[`-A ${T(1)} -s nosuch`, '-C', '-Ln', '-Z', '', '# what', '-a -r 10.0.0.2:80', '-v'],
]
/** Lines that end a run, with whatever status. */
const ENDS = ['# what', '-v']

test('restore: any lines, then it looks as if each had been carried out alone', async t => {
  const together = await serveDirector(t, fakeDirector())
  const alone = await serveDirector(t, fakeDirector())

  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...LINES), { maxLength: 25 }), async lines => {
      await run(['-C'], together)
      await run(['-C'], alone)

      const ran = await run(['-R'], together, lines.join('\n'))

      t.deepEqual(ran, await oneByOne(alone, lines))
      t.is((await run(['-Sn'], together)).screen, (await run(['-Sn'], alone)).screen)
    }),
    { numRuns: 60 },
  )
})

/** Each line as a run of its own, until one ends the run. */
async function oneByOne(socket: string, lines: readonly string[]): Promise<Ran> {
  const all: Ran = { status: 0, screen: '', bars: [] }
  for (const line of lines) {
    if (line.trim() === '') continue
    const { status, screen } = await run(line.split(' '), socket)
    all.status = status
    all.screen += screen
    if (status === 2 || ENDS.includes(line)) return all
  }
  return all
}

test('restore: more lines than a request takes, few requests and a bar on a terminal', async t => {
  const director = fakeDirector()
  const sizes: number[] = []
  const batch = director.batch.bind(director)
  director.batch = changes => {
    sizes.push(changes.length)
    return batch(changes)
  }
  const socket = await serveDirector(t, director)
  const lines = Array.from({ length: BATCH_MAX + 2 }, (_, i) => `-A -t 192.0.2.1:${i + 1} -s rr`)

  const ran = await run(['-R'], socket, [...lines, lines[0], '-Z'].join('\n'), true)

  t.deepEqual(sizes, [BATCH_MAX, 3])
  t.is(ran.status, 0)
  t.is(ran.screen, 'Service already exists\n')
  t.regex(ran.bars.join(''), /\[#+\.?\] 999 of 1004 lines.*\r/)
  t.is(director.state.services.length, BATCH_MAX + 2)
})
