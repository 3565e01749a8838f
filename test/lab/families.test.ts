/**
 * Real sockets through the director in IPv6 and by tunnels of every pair of families, as
 * forwarding.test.ts does for NAT and DR in IPv4. Read next: ../support/lab.ts.
 */
import { balance, directorFor, METHODS6, SERVICES, TUNNELS } from '../support/lab.ts'
import { privileged } from '../support/privileged.ts'

const EACH = 40

for (const method of [...METHODS6, ...TUNNELS])
  privileged(`${method.name}: HTTP, kept or not, and UDP to three dests, shared out`, async t => {
    const lab = await directorFor(t)
    if (method.fwd === 'tun') await lab.decapsulate()
    for (const kind of ['http', 'udp'] as const) await balance(lab, method, kind)

    const load = { address: method.vip, count: EACH * 3, parallel: 4 }
    const http = lab.send({ ...load, kind: 'short', port: SERVICES.http.port })
    const udp = lab.send({ ...load, kind: 'udp', port: SERVICES.udp.port })

    for (const { lost, answers, reasons } of [await http.finished, await udp.finished])
      t.deepEqual({ lost, answers, reasons }, { lost: 0, answers: thirds(), reasons: [] })
    for (const { dests } of await lab.show())
      t.deepEqual(
        dests.map(dest => dest.traffic.conns),
        [EACH, EACH, EACH],
      )
    const kept = { ...load, kind: 'kept', port: SERVICES.http.port, parallel: 3 } as const
    const { mixed, answers, reasons } = await lab.send(kept).finished
    t.deepEqual({ mixed, reasons }, { mixed: 0, reasons: [] })
    t.is(Object.keys(answers).length, 3)
  })

function thirds(): Record<string, number> {
  return { server1: EACH, server2: EACH, server3: EACH }
}
