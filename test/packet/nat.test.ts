/** NAT, packet by packet, both directions. */
import test from 'ava'
import { director } from '../support/director.ts'
import { sameFrame, tcp, udp } from '../support/frames.ts'

test('nat: a SYN to the virtual service reaches the dest rewritten', async t => {
  const lvs = await director(
    t,
    `tcp 192.0.2.1:80 rr
       -> 10.0.0.2:8080 nat weight 1`,
  )

  const out = lvs.receive(tcp('198.51.100.7:40000 > 192.0.2.1:80', 'S'))

  sameFrame(t, out, tcp('198.51.100.7:40000 > 10.0.0.2:8080', 'S', { ttl: 63 }))
})

test('nat: the answer of the dest reaches the client from the virtual service', async t => {
  const lvs = await director(
    t,
    `tcp 192.0.2.1:80 rr
       -> 10.0.0.2:8080 nat weight 1`,
  )
  lvs.receive(tcp('198.51.100.7:40000 > 192.0.2.1:80', 'S'))

  const out = lvs.receive(tcp('10.0.0.2:8080 > 198.51.100.7:40000', 'SA'))

  sameFrame(t, out, tcp('192.0.2.1:80 > 198.51.100.7:40000', 'SA', { ttl: 63 }))
})

test('nat: a client behind the router is answered through the router', async t => {
  const lvs = await director(
    t,
    `udp 192.0.2.1:53 rr
       -> 10.0.0.2:5353 nat weight 1`,
  )
  lvs.receive(udp('203.0.113.9:5000 > 192.0.2.1:53'))

  const out = lvs.receive(udp('10.0.0.2:5353 > 203.0.113.9:5000'))

  const dmac = '02:01:c6:33:64:fe'
  sameFrame(t, out, udp('192.0.2.1:53 > 203.0.113.9:5000', { ttl: 63, dmac }))
})
