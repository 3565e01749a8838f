/**
 * Linux 6.1 loads the objects as far as their stack goes: it lets the functions of a program have
 * 512 bytes together, counted more strictly than later kernels do, one of which this may run on.
 */
import test from 'ava'
import { readFileSync } from 'node:fs'
import { deepest } from '../support/bpf_stack.ts'

const STACK_MAX = 512

for (const object of ['xlvs', 'companion', 'decap'])
  test(`stack: ${object}.bpf.o, no chain of calls takes more than Linux 6.1 gives`, t => {
    const found = deepest(readFileSync(`build/${object}.bpf.o`))

    const over = [...found.values()].filter(({ bytes }) => bytes > STACK_MAX)
    t.deepEqual(
      over.map(({ bytes, chain }) => `${bytes} bytes: ${chain.join(' > ')}`),
      [],
    )
    const all = [...found.values()].map(({ bytes }) => bytes)
    t.log(`${found.size} functions, the deepest chain takes ${Math.max(...all)} bytes`)
    t.true(found.size > 0 && Math.max(...all) > 0)
  })
