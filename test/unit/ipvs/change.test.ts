/** What programs change of timeouts. */
import test from 'ava'
import { setTimeouts } from '../../../control/ipvs/change.ts'
import { fakeDirector } from '../../support/fake_director.ts'

test('change: all timeouts given and one is new, then only that has an owner', async t => {
  const director = fakeDirector()

  await setTimeouts(director, { tcp: 900, tcpFin: 7, udp: 0 })

  const { tcp_timeout_s: tcp, tcp_fin_timeout_s: tcpFin, udp_timeout_s: udp } = director.settings()
  t.like(tcpFin, { value: 7, origin: 'ipvsadm' })
  t.deepEqual([tcp.origin, udp.origin], [undefined, undefined])
})

test('change: a timeout is put back, then it is what it was', async t => {
  const director = fakeDirector()

  await setTimeouts(director, { tcp: 901 })
  await setTimeouts(director, { tcp: 900 })

  t.is(director.settings().tcp_timeout_s.value, 900)
})
