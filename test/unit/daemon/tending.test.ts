/** What is done every second goes on, whatever fails of it. */
import test from 'ava'
import { tending } from '../../../control/daemon/tending.ts'

test('tending: defending and tending fail, then both are told of and tried again', async t => {
  const told: string[] = []
  const log = { error: (_: object, message: string) => told.push(message) }
  const director = {
    defend: () => {
      throw new Error('EMFILE: too many open files')
    },
    tend: () => Promise.reject(new Error('no space left')),
  }
  const tend = tending(director, log as never)

  for (let i = 0; i < 2; i++) {
    tend()
    await new Promise(setImmediate)
  }

  t.deepEqual(told, ['defending failed', 'tending failed', 'defending failed', 'tending failed'])
})
