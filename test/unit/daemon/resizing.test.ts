/** Tables asked for in another size than they have. */
import test from 'ava'
import { resizing } from '../../../control/daemon/resizing.ts'

const ASKED = { asked: ['connections', 'connections6'] } as const

test('resizing: a flag given and another size after rounding, a line for each', t => {
  const has = [4096, 2048] as const
  const lines = (connections: number, connections6: number, given: object = ASKED) =>
    resizing({ connections, connections6, ...given }, [...has])

  t.deepEqual(lines(4096, 2048), [])
  t.deepEqual(lines(3000, 1500), [])
  t.deepEqual(lines(4097, 2048), [{ flag: '--connections', slots: 4096, asked: 8192 }])
  t.deepEqual(lines(4096, 1024), [{ flag: '--connections6', slots: 2048, asked: 1024 }])
  t.deepEqual(lines(1 << 20, 1 << 18, {}), [])
  t.deepEqual(lines(1 << 20, 1 << 18, { asked: [] }), [])
})
