/**
 * The director as a dest of its own, and as a client of its own services, with real sockets: half
 * done checksums and segments yet to be cut are what packet tests cannot have. Read next:
 * ../packet/here.test.ts, ../support/lab.ts.
 */
import { type Lab, directorFor, METHODS, METHODS6, type Method, serveOn } from '../support/lab.ts'
import type { Namespace } from '../support/namespace.ts'
import { privileged } from '../support/privileged.ts'

/** The director's own addresses on the servers' wire. */
const HERE = { 4: '10.0.0.1', 6: '2001:db8::1' } as const
const ALL = [...METHODS, ...METHODS6]
const EACH = 10
/** More than a socket buffer has room for, so that segments of all sizes go both ways. */
const LARGE = 3_000_000
/** Sends as much and gets as much back, and prints both lengths and who answered. */
const EXCHANGE = `
  const [url, bytes] = process.argv.slice(1)
  const body = 'q'.repeat(Number(bytes))
  const answer = await (await fetch(url, { method: 'POST', body })).text()
  console.log(answer.length, answer.slice(0, 4))`

/** Where a server on the director listens: at its own address by NAT, at the VIP by dr. */
function listens({ fwd, family, vip, ports }: Method): string[] {
  const address = fwd === 'nat' ? HERE[family] : vip
  return [`tcp:[${address}]:${ports.http}`, `udp:[${address}]:${ports.udp}`]
}

/** A service of both protocols, with flags, whose dests are the director and so many servers. */
async function balanceHere(
  lab: Lab,
  method: Method,
  servers = 0,
  ...flags: string[]
): Promise<void> {
  const { fwd, family, vip, ports } = method
  const others = lab.servers.slice(0, servers).map(s => (family === 4 ? s.address : s.address6))
  const bracket = (address: string) => (family === 4 ? address : `[${address}]`)
  for (const [protocol, port, dport] of [
    ['tcp', 80, ports.http],
    ['udp', 53, ports.udp],
  ] as const) {
    const service = `${protocol}:${bracket(vip)}:${port}`
    await lab.xlvs('service', 'add', service, '--scheduler', 'rr', ...flags)
    for (const address of [HERE[family], ...others])
      await lab.xlvs('dest', 'add', service, `${bracket(address)}:${dport}`, `--${fwd}`)
  }
}

/** POSTs a lot and gets a lot: "BYTES NAME". */
async function exchange(from: Namespace, { family, vip }: Method): Promise<string> {
  const url = `http://${family === 4 ? vip : `[${vip}]`}:80/${LARGE}`
  const { stdout, stderr } = await from.attempt([
    process.execPath,
    '--input-type=module',
    '-e',
    EXCHANGE,
    url,
    String(LARGE),
  ])
  return (stdout + stderr).trim()
}

for (const method of ALL) {
  const load = { address: method.vip, count: EACH, parallel: 2 } as const

  privileged(`${method.name}: the director as dest, clients are served and counted`, async t => {
    const lab = await directorFor(t, { servers: 1 })
    await serveOn(lab.director, 'here', listens(method))
    await balanceHere(lab, method)

    const answered = [
      await lab.send({ ...load, kind: 'short', port: 80 }).finished,
      await lab.send({ ...load, kind: 'kept', port: 80 }).finished,
      await lab.send({ ...load, kind: 'udp', port: 53 }).finished,
    ]

    for (const { lost, answers, reasons } of answered)
      t.deepEqual({ lost, answers, reasons }, { lost: 0, answers: { here: EACH }, reasons: [] })
    t.is(await exchange(lab.client, method), `${LARGE} here`)
    const [tcp, udp] = await lab.show()
    t.is(udp?.traffic.outPackets, EACH)
    t.true((tcp?.traffic.outBytes ?? 0) > LARGE)
    const states = new Set((await lab.conns()).map(conn => conn.state))
    t.false(states.has('SYN_RECV'), [...states].join())
    await lab.stopDaemon('SIGKILL')
    const { lost } = await lab.send({ ...load, kind: 'short', port: 80 }).finished
    t.is(lost, 0)
  })

  // By dr a server answers from an address that is the director's own, which its host refuses.
  const servers = method.fwd === 'nat' ? 1 : 0
  privileged(`${method.name}: the director as client of its own service, served`, async t => {
    const lab = await directorFor(t, { servers: 1 })
    await serveOn(lab.director, 'here', listens(method))
    await balanceHere(lab, method, servers)
    const shares = servers === 1 ? { here: EACH / 2, server1: EACH / 2 } : { here: EACH }

    const answered = [
      await lab.sendHere({ ...load, kind: 'short', port: 80 }).finished,
      await lab.sendHere({ ...load, kind: 'udp', port: 53 }).finished,
    ]

    for (const { lost, answers, reasons } of answered)
      t.deepEqual({ lost, answers, reasons }, { lost: 0, answers: shares, reasons: [] })
    const large = [await exchange(lab.director, method), await exchange(lab.director, method)]
    const wanted = servers === 1 ? ['here', 'serv'] : ['here', 'here']
    t.deepEqual(
      large.toSorted(),
      wanted.map(name => `${LARGE} ${name}`),
    )
    const [tcp, udp] = await lab.show()
    t.deepEqual([tcp?.traffic.conns, udp?.traffic.conns], [EACH + 2, EACH])
    t.deepEqual([udp?.traffic.inPackets, udp?.traffic.outPackets], [EACH, EACH])
  })

  if (servers === 0) continue
  privileged(`${method.name}: the director as client of persistent services, of one`, async t => {
    const lab = await directorFor(t, { servers: 1 })
    await serveOn(lab.director, 'here', listens(method))
    await balanceHere(lab, method, servers, '--persistent', '300')

    const answered = [
      await lab.sendHere({ ...load, kind: 'short', port: 80 }).finished,
      await lab.sendHere({ ...load, kind: 'udp', port: 53 }).finished,
    ]

    for (const { lost, answers } of answered) {
      t.is(lost, 0)
      t.deepEqual(Object.values(answers), [EACH])
    }
    const templates = (await lab.conns()).filter(conn => conn.isTemplate)
    t.deepEqual(templates.map(({ protocol }) => protocol).sort(), ['tcp', 'udp'])
  })
}
