/** Dests that come, change or go are written alone, and what comes of it is as if all were. */
import test from 'ava'
import fc from 'fast-check'
import { SERVICE } from '../../../control/abi/maps.gen.ts'
import { Dataplane } from '../../../control/dataplane/dataplane.ts'
import { SCHEDULERS, type Dest, type Service } from '../../../control/model/service.ts'
import { Network } from '../../../control/plan/network.ts'
import { destWeights } from '../../../control/plan/schedule/weights.ts'
import { readScheduleWord, scheduleWord } from '../../../control/plan/schedule/word.ts'
import { MemoryMaps } from '../../support/memory_maps.ts'

const NETWORK = new Network({ links: [], addresses: [], routes: [], neighbours: [] })

/** A dest by its number: it comes with a weight, changes to it, or goes (-1). */
interface Wish {
  dest: number
  weight: number
}

/** A service whose dests change some at a time; `copies` makes what is published anew each time. */
class Published {
  readonly #maps = new MemoryMaps([1, 2])
  readonly #dataplane = new Dataplane(this.#maps.kernel(), NETWORK)
  readonly #service: Service
  readonly #copies: boolean
  #dests: Dest[] = []
  /** Dests that were written. */
  written = 0

  constructor(scheduler: Service['scheduler'], copies: boolean) {
    this.#service = { protocol: 'tcp', address: '192.0.2.1', port: 80, scheduler }
    this.#copies = copies
    this.#publish([])
  }

  /** They come, change and go, and a packet has moved the cursor. */
  change(wishes: readonly Wish[], cursor: number): void {
    this.#moveCursor(cursor)
    this.#publish(wishes)
  }

  get text(): string {
    return this.#maps.text()
  }

  #publish(wishes: readonly Wish[]): void {
    for (const { dest, weight } of wishes) {
      const address = `10.0.0.${2 + dest}`
      const at = this.#dests.findIndex(one => one.address === address)
      const now: Dest[] = weight < 0 ? [] : [{ address, port: 80, fwd: 'dr', weight }]
      this.#dests = at < 0 ? [...now, ...this.#dests] : this.#dests.toSpliced(at, 1, ...now)
    }
    const service = this.#copies ? { ...this.#service } : this.#service
    const touches = service.scheduler === 'wrr' ? [destWeights(this.#dests)] : []
    this.written += this.#dataplane.publish({ service, dests: this.#dests }, touches).length
  }

  #moveCursor(by: number): void {
    const words = new BigUint64Array(this.#maps.map('services'))
    const at = (SERVICE.size + SERVICE.schedule) / 8
    const place = readScheduleWord(words[at] ?? 0n)
    if (this.#service.scheduler !== 'rr') return
    words[at] = scheduleWord({ ...place, cursor: by % place.rows })
  }
}

const wish = fc.record({ dest: fc.nat(9), weight: fc.integer({ min: -1, max: 4 }) })
const steps = fc.array(
  fc.record({ wishes: fc.array(wish, { maxLength: 3 }), cursor: fc.nat(20) }),
  { maxLength: 20 },
)

/** The table of maglev has more rows than those maps. */
for (const scheduler of SCHEDULERS.filter(name => name !== 'maglev'))
  test(`some: ${scheduler} and dests that come, change and go, the maps are the same`, t => {
    fc.assert(
      fc.property(steps, given => {
        const [some, whole] = [new Published(scheduler, false), new Published(scheduler, true)]
        for (const { wishes, cursor } of given) {
          some.change(wishes, cursor)
          whole.change(wishes, cursor)
        }

        t.is(some.text, whole.text)
      }),
      { numRuns: 60 },
    )
  })

test('some: dests come, change and go one by one, then each is written twice', t => {
  for (const scheduler of ['rr', 'wrr', 'wlc'] as const) {
    const service = new Published(scheduler, false)

    for (const weight of [1, 2, -1])
      for (let dest = 0; dest < 24; dest++) service.change([{ dest, weight }], 0)

    t.is(service.written, 48)
  }
})
