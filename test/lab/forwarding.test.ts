/**
 * Real sockets through the director, by each forwarding method: what is asked of a virtual service
 * is answered, by the dests and in the shares that were configured, and counted where it went.
 * Read next: restart.test.ts.
 */
import type { ServiceView } from '../../control/model/service.ts'
import {
  balance,
  directorFor,
  labFor,
  type Lab,
  type Method,
  METHODS,
  METHODS6,
  SERVICES,
} from '../support/lab.ts'
import { privileged } from '../support/privileged.ts'

/** A multiple of the dests, so that equal shares are exact. */
const COUNT = 300
const EACH = COUNT / 3

for (const method of METHODS) {
  const { fwd, vip, ports } = method

  privileged(`${fwd}: short HTTP to three dests, each answers a third`, async t => {
    const lab = await directorFor(t)
    await balance(lab, method, 'http')

    const { lost, answers, reasons } = await lab.send(load('short', method)).finished

    t.deepEqual({ lost, answers, reasons }, { lost: 0, answers: thirds(), reasons: [] })
    t.deepEqual(connsOf(await lab.show()), { '10.0.0.2': EACH, '10.0.0.3': EACH, '10.0.0.4': EACH })
  })

  privileged(`${fwd}: kept-alive HTTP, each connection stays with its dest`, async t => {
    const lab = await directorWith(t, method, 'http')

    const { lost, mixed, reasons } = await lab.send(load('kept', method, 6)).finished

    t.deepEqual({ lost, mixed, reasons }, { lost: 0, mixed: 0, reasons: [] })
    t.deepEqual(connsOf(await lab.show()), { '10.0.0.2': 2, '10.0.0.3': 2, '10.0.0.4': 2 })
  })

  privileged(`${fwd}: UDP from many ports, each dest echoes a third`, async t => {
    const lab = await directorWith(t, method, 'udp')

    const { lost, answers, reasons } = await lab.send(load('udp', method)).finished

    t.deepEqual({ lost, answers, reasons }, { lost: 0, answers: thirds(), reasons: [] })
    t.is((await lab.conns()).filter(conn => conn.state === 'UDP').length, COUNT)
  })

  privileged(`${fwd}: a dest of weight 0, it gets no new connection`, async t => {
    const lab = await directorFor(t)
    await balance(lab, method, 'http', [1, 0, 1])

    const { lost, answers } = await lab.send(load('short', method)).finished

    t.deepEqual({ lost, answers }, { lost: 0, answers: { server1: COUNT / 2, server3: COUNT / 2 } })
  })

  privileged(`${fwd}: a dest is quiesced, kept-alive connections to it go on`, async t => {
    const lab = await directorWith(t, method, 'http')
    const kept = lab.send({ ...load('kept', method, 3), count: 1e6 })
    await kept.more(50)

    for (const { address } of lab.servers)
      await lab.xlvs('dest', 'set', ...http(method, address), '0')
    await kept.more(200)
    const { lost, mixed } = await kept.stop()
    const refused = await lab.send({ ...load('short', method), count: 3 }).finished

    t.deepEqual({ lost, mixed }, { lost: 0, mixed: 0 })
    t.is(refused.lost, 3)
  })

  privileged(`${fwd}: one request, its connection is listed with all its addresses`, async t => {
    const lab = await directorFor(t)
    await balance(lab, method, 'http', [1])

    await lab.send({ ...load('short', method), count: 1 }).finished
    const conns = await lab.conns()

    t.like(conns, [
      {
        protocol: 'tcp',
        client: { address: '198.51.100.7' },
        virtual: { address: vip, port: 80 },
        dest: { address: '10.0.0.2', port: ports.http },
        fwd,
      },
    ])
    t.is(conns.length, 1)
  })

  privileged(`${fwd}: iperf3 for two seconds, its bytes are counted`, async t => {
    const lab = await directorFor(t)
    await balance(lab, method, 'iperf', [1])

    const bits = await lab.iperf(vip, SERVICES.iperf.port, 2)

    const { traffic } = (await lab.show())[0] ?? {}
    t.true(bits > 1e7, `iperf3 moved ${bits} bits a second`)
    t.log(`iperf3 ${fwd}: ${(bits / 1e9).toFixed(2)} Gbit/s`)
    t.true((traffic?.inBytes ?? 0) * 8 > bits, `${traffic?.inBytes} bytes were counted`)
    // A DR dest's answers do not come by the director; a NAT dest's acknowledgements do.
    t.is((traffic?.outPackets ?? 0) > 0, fwd === 'nat')
  })
}

privileged('generic: drivers without native XDP, NAT and DR answer just the same', async t => {
  const lab = await labFor(t)
  await lab.startDaemon()
  await lab.xlvs('attach', 'c0', 'r0', '--generic')
  for (const method of METHODS) await balance(lab, method, 'http')

  for (const method of METHODS) {
    const { lost, answers, reasons } = await lab.send(load('short', method)).finished
    t.deepEqual({ lost, answers, reasons }, { lost: 0, answers: thirds(), reasons: [] })
  }
})

for (const [dr, director] of [
  [METHODS[1], '10.0.0.1'],
  [METHODS6[1], '2001:db8::1'],
] as const)
  privileged(`${dr.name}: client and servers on one wire, frames go back out there`, async t => {
    const lab = await directorWith(t, dr, 'http')
    lab.client.run(['ip', 'route', 'add', dr.vip, 'via', director])

    const { lost, answers, reasons } = await lab.send(load('short', dr)).finished

    t.deepEqual({ lost, answers, reasons }, { lost: 0, answers: thirds(), reasons: [] })
  })

async function directorWith(
  t: Parameters<typeof directorFor>[0],
  method: Method,
  kind: 'http' | 'udp',
): Promise<Lab> {
  const lab = await directorFor(t)
  await balance(lab, method, kind)
  return lab
}

function load(kind: 'short' | 'kept' | 'udp', { vip }: Method, parallel = 8) {
  const { port } = SERVICES[kind === 'udp' ? 'udp' : 'http']
  return { kind, address: vip, port, count: COUNT, parallel }
}

function http({ fwd, vip, ports }: Method, address: string): string[] {
  return [`tcp:${vip}:80`, `${address}:${ports.http}`, `--${fwd}`, '--weight']
}

function thirds(): Record<string, number> {
  return { server1: EACH, server2: EACH, server3: EACH }
}

/** Connections counted at each dest of the one service. */
function connsOf(services: ServiceView[]): Record<string, number> {
  const dests = services[0]?.dests ?? []
  return Object.fromEntries(dests.map(dest => [dest.address, dest.traffic.conns]))
}
