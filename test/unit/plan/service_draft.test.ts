/** A service's dests in the making: whatever comes together, they are what they are one by one. */
import test from 'ava'
import fc from 'fast-check'
import { destName, type Dest, type Service } from '../../../control/model/service.ts'
import type { ServiceIntent } from '../../../control/plan/intent.ts'
import { ServiceDraft } from '../../../control/plan/service_draft.ts'

const SERVICE: Service = { protocol: 'tcp', address: '192.0.2.1', port: 80, scheduler: 'rr' }

/** A dest by its number: it comes with a weight, changes to it, or goes (0). */
const wish = fc.record({ dest: fc.nat(5), weight: fc.nat(3) })
const groups = fc.array(fc.array(wish, { maxLength: 4 }), { maxLength: 12 })

test('service draft: any changes in any groups, new ones come first and others stay', t => {
  fc.assert(
    fc.property(groups, given => {
      let intent: ServiceIntent = { service: SERVICE, dests: [] }
      let expected: Dest[] = []
      for (const group of given) {
        const [draft, before] = [new ServiceDraft(intent), [...intent.dests]]
        for (const { dest, weight } of group) {
          const one: Dest = { address: `10.0.0.${2 + dest}`, port: 80, fwd: 'dr', weight }
          const at = expected.findIndex(({ address }) => address === one.address)
          if (weight === 0 && at >= 0) draft.remove(destName(one))
          else if (weight > 0) draft.set(one)
          const now = weight === 0 ? [] : [one]
          expected = at < 0 ? [...now, ...expected] : expected.toSpliced(at, 1, ...now)
        }
        const was = intent.dests
        intent = draft.intent

        t.deepEqual(intent.dests, expected)
        t.deepEqual(was, before)
      }
    }),
    { numRuns: 500 },
  )
})
