/**
 * What the director's host asks of its own services, by loopback (bpf/here_ask.h). Real sockets are
 * the lab's (test/lab/here.test.ts); here is what shows one thing at a time.
 */
import test from 'ava'
import { TCP_STATE } from '../../control/abi/maps.gen.ts'
import { director } from '../support/director.ts'
import { FAMILIES, service } from '../support/families.ts'
import { at, tcp } from '../support/frames.ts'
import { requestSlot, setState } from './table.ts'

for (const f of FAMILIES) {
  const request = `${at(f.director, 40000)} > ${at(f.vip, 80)}`

  test(`ask: ${f.name}, a SYN on an ended one, which counts until the new one is`, async t => {
    const text = `${service(f)}-> ${at(f.dest(3), 8080)} nat weight 1`.replace(' rr', ' wlc')
    const lvs = await director(t, text)
    const first = lvs.send(tcp(request, 'S'), 'loopback').reason
    const before = lvs.conns().map(({ dest }) => dest.address)
    setState(lvs, requestSlot(lvs, 40000, f), TCP_STATE.TCP_CLOSE, f)

    const second = lvs.send(tcp(request, 'S'), 'loopback').reason

    t.deepEqual([first, second], ['nat request', 'nat request'])
    const after = lvs.conns().map(({ dest }) => dest.address)
    t.deepEqual([...before, ...after].sort(), [f.dest(2), f.dest(3)])
    t.deepEqual(lvs.counts(before[0] ?? ''), { active: 0, inactive: 0 })
    t.deepEqual(lvs.counts(after[0] ?? ''), { active: 1, inactive: 0 })
  })
}
