/** sloppy_tcp: what may begin a TCP connection, and the state it is in then. See bpf/xlvs.bpf.c. */
import test from 'ava'
import { director } from '../support/director.ts'
import { FAMILIES, paths, service } from '../support/families.ts'
import { tcp } from '../support/frames.ts'

const beginnings: [flags: string, state: string | undefined, active: number][] = [
  ['A', 'ESTABLISHED', 1],
  ['PA', 'ESTABLISHED', 1],
  ['S', 'SYN_RECV', 1],
  ['SA', 'SYN_RECV', 1],
  ['FA', 'CLOSE', 0],
  ['P', 'CLOSE', 0],
  ['', 'CLOSE', 0],
  ['R', undefined, 0],
  ['RA', undefined, 0],
  ['SR', undefined, 0],
]

for (const f of FAMILIES)
  for (const fwd of ['nat', 'dr'] as const)
    for (const [flags, state, active] of beginnings)
      test(`sloppy: "${flags}" of ${f.name} by ${fwd}, then ${state ?? 'nothing'}`, async t => {
        const lvs = await director(t, service(f, { fwd }))
        const frame = tcp(paths(f).request, flags)
        lvs.dataplane.set({ sloppy_tcp: -1 })

        const { reason } = lvs.run(frame)

        const [conn] = lvs.conns()
        t.is(conn?.state, state)
        t.is(reason, state ? (fwd === 'nat' ? 'nat request' : 'direct') : 'no connection')
        t.is(lvs.traffic().conns, state ? 1 : 0)
        t.deepEqual(lvs.counts(f.dest(2)), { active, inactive: state ? 1 - active : 0 })
      })

for (const f of FAMILIES)
  test(`sloppy: an ACK of ${f.name} after it is off again, then it passes`, async t => {
    const lvs = await director(t, service(f))
    lvs.dataplane.set({ sloppy_tcp: 1 })
    lvs.dataplane.set({})

    const { reason } = lvs.run(tcp(paths(f).request, 'A'))

    t.is(reason, 'no connection')
    t.deepEqual(lvs.conns(), [])
  })
