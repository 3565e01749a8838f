/**
 * The lab itself, without xlvs: that its wires carry what the other tests of this folder send, so
 * that a failure there is xlvs' own. Read next: forwarding.test.ts.
 */
import { existsSync } from 'node:fs'

import { createLab, DR_PORT, labFor, NAT_PORT } from '../support/lab.ts'
import { VIPS } from '../support/lab_network.ts'
import { privileged } from '../support/privileged.ts'

privileged('lab: the kernel forwards to a server, its answers come back the same way', async t => {
  const lab = await labFor(t, { servers: 1 })
  lab.director.run(['sysctl', '-q', '-w', 'net.ipv4.ip_forward=1'])
  lab.client.run(['ip', 'route', 'add', '10.0.0.2', 'via', '198.51.100.1'])

  const http = await lab.send(load('short', '10.0.0.2', NAT_PORT.http)).finished
  const kept = await lab.send(load('kept', '10.0.0.2', NAT_PORT.http)).finished
  const udp = await lab.send(load('udp', '10.0.0.2', NAT_PORT.udp)).finished
  const bits = await lab.iperf('10.0.0.2', NAT_PORT.iperf, 1)

  for (const { answers, lost, mixed, reasons } of [http, kept, udp])
    t.deepEqual({ answers, lost, mixed, reasons }, all('server1'))
  t.true(bits > 1e6, `iperf3 moved ${bits} bits a second`)
})

privileged('lab: a route leads to a DR server, it answers the client by itself', async t => {
  const lab = await labFor(t, { servers: 2 })
  lab.director.run(['sysctl', '-q', '-w', 'net.ipv4.ip_forward=1'])
  lab.director.run(['ip', 'addr', 'del', `${VIPS[4].dr}/32`, 'dev', 'c0'])
  lab.director.run(['ip', 'route', 'add', VIPS[4].dr, 'via', '10.0.0.3'])

  const http = await lab.send(load('short', VIPS[4].dr, DR_PORT.http)).finished
  const udp = await lab.send(load('udp', VIPS[4].dr, DR_PORT.udp)).finished
  const returned = lab.director.run(['ip', '-s', '-j', 'link', 'show', 'r0'])

  for (const { answers, lost, mixed, reasons } of [http, udp])
    t.deepEqual({ answers, lost, mixed, reasons }, all('server2'))
  // ARP and a little more; the answers would be some thousand packets.
  const [r0] = JSON.parse(returned) as [{ stats64: { rx: { packets: number } } }]
  t.true(r0.stats64.rx.packets < 100, `r0 received ${r0.stats64.rx.packets} packets`)
})

privileged('lab: a server is killed and comes back, it is silent and answers again', async t => {
  const lab = await labFor(t, { servers: 1 })
  const [server] = lab.servers
  if (!server) return
  const addresses = [server.address, server.address6]
  const lost = async () => {
    const one = addresses.map(a => lab.send({ ...load('short', a, NAT_PORT.http), count: 1 }))
    return (await Promise.all(one.map(({ finished }) => finished))).map(progress => progress.lost)
  }
  t.deepEqual(await lost(), [0, 0])

  await lab.killServer(server)
  t.deepEqual(await lost(), [1, 1])
  await lab.reviveServer(server)

  t.deepEqual(await lost(), [0, 0])
})

privileged('lab: nobody balances, every request is lost and says why', async t => {
  const lab = await labFor(t, { servers: 1 })

  const http = await lab.send({ ...load('short', '192.0.2.1', 80), count: 3 }).finished

  t.is(http.lost, 3)
  t.regex(http.reasons.join('\n'), /ECONNREFUSED/)
})

privileged('lab: it is closed, no process and no pin of it is left', async t => {
  const lab = await createLab({ servers: 1 })
  const { pid } = lab.director
  await lab.startDaemon()
  const pins = `/sys/fs/bpf/xlvs-lab-${process.pid}-${pid}`
  t.true(existsSync(pins))

  await lab.close()

  t.false(existsSync(pins))
  t.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
})

function load(kind: 'short' | 'kept' | 'udp', address: string, port: number) {
  return { kind, address, port, count: 200, parallel: 8 }
}

function all(name: string) {
  return { answers: { [name]: 200 }, lost: 0, mixed: 0, reasons: [] }
}
