/** What is in force in the maps when xlvsd starts again, until it has said all that it knows. */
import test from 'ava'
import type { BpfMap } from '../../../addon/index.ts'
import { FALLBACK, MARK_ROOT, MARK_ROW, SETTINGS } from '../../../control/abi/maps.gen.ts'
import { parseMarkRule } from '../../../control/config/mark_line.ts'
import { Fallbacks } from '../../../control/dataplane/fallbacks.ts'
import type { Kernel } from '../../../control/dataplane/kernel.ts'
import { Marks } from '../../../control/dataplane/marks.ts'

test('restart: policy routing makes marks local, rules stay until they are given', t => {
  const buffer = new ArrayBuffer(MARK_ROOT.MARK_ROWS * MARK_ROW.size)
  const kernel = { maps: { marks: { mmap: () => buffer } } } as unknown as Kernel
  const around = {
    ifindexOf: () => undefined,
    markLocals: [{ mark: { low: 7n, high: 7n }, prefix: '0.0.0.0/0' }],
  }
  new Marks(kernel).publish([parseMarkRule('to 192.0.2.1 mark 7')], around)

  const next = new Marks(kernel)
  const atStart = next.isMoved(around)
  next.publish([], around)

  t.false(atStart)
  t.false(next.isMoved(around))
  t.true(next.isMoved({ ...around, markLocals: [] }))
})

test('restart: services of any port are found again one by one, packets find all', t => {
  const buffer = new ArrayBuffer(SETTINGS.size)
  const seen = (): number => new Uint32Array(buffer)[SETTINGS.fallbacks / 4] ?? 0
  new Uint32Array(buffer)[SETTINGS.fallbacks / 4] = FALLBACK.FALLBACK_ANY
  const fallbacks = new Fallbacks({ mmap: () => buffer } as unknown as BpfMap)

  fallbacks.note('tcp:192.0.2.1:21', 6, 21)
  const during = seen()
  fallbacks.note('tcp:192.0.2.1:0', 6, 0)
  fallbacks.write()

  t.is(during, FALLBACK.FALLBACK_ANY)
  t.is(seen(), FALLBACK.FALLBACK_ANY | FALLBACK.FALLBACK_FTP)
})
