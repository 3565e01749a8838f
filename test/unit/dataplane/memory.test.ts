/** The memory that is left, from what the kernel says of it. */
import test from 'ava'
import { availablePages } from '../../../control/dataplane/memory.ts'

test('memory: free and buffers, pages of both', t => {
  const text =
    'MemTotal:   16000 kB\nMemFree:     4000 kB\nMemAvailable: 9000 kB\nBuffers:  402 kB\n'

  t.is(availablePages(text), 1100)
})

test('memory: this host, some is left', t => {
  t.true(availablePages() > 0)
})
