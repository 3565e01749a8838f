/**
 * The network changes under a running director: neighbours, addresses and links, as netlink tells.
 * Read next: ../support/lab.ts.
 */
import { balance, directorFor, type Lab, type Method, METHODS, SERVICES } from '../support/lab.ts'
import { waitFor } from '../support/namespace.ts'
import { privileged } from '../support/privileged.ts'

const NEW_MAC = '02:00:00:00:00:42'

for (const method of METHODS) {
  const { fwd, vip } = method

  privileged(`${fwd}: a server gets another MAC address, requests follow it`, async t => {
    const lab = await directorFor(t)
    await balance(lab, method, 'http')
    t.deepEqual(await ask(lab, method, 9), thirds(3))

    const server = lab.servers[0]?.namespace
    server?.run(['sysctl', '-q', '-w', 'net.ipv4.conf.eth0.arp_notify=1'])
    server?.run(['ip', 'link', 'set', 'eth0', 'address', NEW_MAC])
    await waitFor('the director to learn it', () => neighbours(lab).includes(NEW_MAC))

    t.deepEqual(await ask(lab, method, 9), thirds(3))
  })

  privileged(`${fwd}: all neighbours are forgotten, no request is lost`, async t => {
    const lab = await directorFor(t)
    await balance(lab, method, 'http')
    t.deepEqual(await ask(lab, method, 9), thirds(3))

    lab.director.run(['ip', 'neigh', 'flush', 'all'])

    t.deepEqual(await ask(lab, method, 30), thirds(10))
  })

  privileged(
    `${fwd}: the VIP leaves the director and comes back, requests wait for it`,
    async t => {
      const lab = await directorFor(t)
      await balance(lab, method, 'http')

      lab.director.run(['ip', 'address', 'del', `${vip}/32`, 'dev', 'c0'])
      await waitFor('the VIP not to be local', async () => !(await isLocal(lab)))
      const waiting = lab.send({ ...load(method), count: 9 })
      await waitFor('packets to be passed by', () => isPassedBy(lab))
      t.regex(await lab.xlvs('show'), /VIP not local/)
      lab.director.run(['ip', 'address', 'add', `${vip}/32`, 'dev', 'c0'])

      t.deepEqual((await waiting.finished).answers, thirds(3))
      t.true(await isLocal(lab))
    },
  )
}

privileged('route: the way to a server is lost and found, show says so', async t => {
  const lab = await directorFor(t)
  const [nat] = METHODS
  await balance(lab, nat, 'http')

  lab.director.run(['ip', 'link', 'set', 'r0', 'down'])
  await waitFor('show to notice', async () => (await lab.xlvs('show')).includes('no route'))
  lab.director.run(['ip', 'link', 'set', 'r0', 'up'])
  await waitFor('show to be content', async () => !(await lab.xlvs('show')).includes('no route'))

  t.deepEqual(await ask(lab, nat, 9), thirds(3))
})

async function ask(lab: Lab, method: Method, count: number): Promise<Record<string, number>> {
  return (await lab.send({ ...load(method), count }).finished).answers
}

function load({ vip }: Method) {
  return { kind: 'short', address: vip, port: SERVICES.http.port, parallel: 3 } as const
}

function thirds(each: number): Record<string, number> {
  return { server1: each, server2: each, server3: each }
}

function neighbours(lab: Lab): string {
  return lab.director.run(['ip', 'neigh', 'show', 'dev', 'r0'])
}

async function isPassedBy(lab: Lab): Promise<boolean> {
  return (await lab.xlvs('stats')).includes('vip not local')
}

async function isLocal(lab: Lab): Promise<boolean> {
  return (await lab.show()).every(service => service.vipLocal)
}
