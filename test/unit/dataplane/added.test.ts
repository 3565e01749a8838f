/** Dests that come to a service are written alone, and what comes of it is as if all were. */
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

/** A service whose dests come some at a time; `copies` makes what is published anew each time. */
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

  /** They come with these weights, and a packet has moved the cursor. */
  add(weights: readonly number[], cursor: number): void {
    this.#moveCursor(cursor)
    this.#publish(weights)
  }

  get text(): string {
    return this.#maps.text()
  }

  #publish(weights: readonly number[]): void {
    const come = weights.map((weight, i): Dest => {
      const address = `10.0.0.${2 + this.#dests.length + i}`
      return { address, port: 80, fwd: 'dr', weight }
    })
    this.#dests = [...come.reverse(), ...this.#dests]
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

const steps = fc.array(
  fc.record({
    weights: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 3 }),
    cursor: fc.nat(20),
  }),
  { maxLength: 6 },
)

/** The table of maglev has more rows than those maps. */
for (const scheduler of SCHEDULERS.filter(name => name !== 'maglev'))
  test(`added: ${scheduler} and dests that come some at a time, the maps are the same`, t => {
    fc.assert(
      fc.property(steps, given => {
        const [added, whole] = [new Published(scheduler, false), new Published(scheduler, true)]
        for (const { weights, cursor } of given) {
          added.add(weights, cursor)
          whole.add(weights, cursor)
        }

        t.is(added.text, whole.text)
      }),
      { numRuns: 60 },
    )
  })

test('added: sixty dests one by one, then each is written once', t => {
  for (const scheduler of ['rr', 'wrr', 'wlc'] as const) {
    const service = new Published(scheduler, false)

    for (let i = 0; i < 60; i++) service.add([1], 0)

    t.is(service.written, 60)
  }
})
