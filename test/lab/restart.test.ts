/**
 * xlvsd dies, the data plane goes on: what is pinned is the state, and the next xlvsd adopts it.
 * Read next: ../support/lab.ts.
 */
import { fileURLToPath } from 'node:url'
import { serviceName } from '../../control/model/service.ts'
import {
  balance,
  directorFor,
  type Lab,
  METHODS,
  METHODS6,
  SERVICES,
  TUNNELS,
} from '../support/lab.ts'
import { privileged } from '../support/privileged.ts'

/** Objects whose programs are others; make test builds them. */
const UPGRADE = fileURLToPath(new URL('../../build/test/upgrade', import.meta.url))

for (const method of METHODS) {
  const { fwd, vip } = method
  const short = { kind: 'short', address: vip, port: SERVICES.http.port, parallel: 4 } as const
  const kept = { ...short, kind: 'kept', parallel: 3 } as const

  privileged(
    `${fwd}: SIGKILL of xlvsd under traffic and a restart, no request is lost`,
    async t => {
      const lab = await directorFor(t)
      await balance(lab, method, 'http')
      const running = [lab.send({ ...short, count: 20_000 }), lab.send({ ...kept, count: 1e6 })]
      await more(running, 200)

      await lab.stopDaemon('SIGKILL')
      await more(running, 200)
      await lab.startDaemon()
      await more(running, 200)
      const [shorts, kepts] = await Promise.all(running.map(load => load.stop()))

      t.deepEqual(shorts?.reasons, [])
      t.deepEqual(kepts?.reasons, [])
      t.is(kepts?.mixed, 0)
      // Round robin went on where it was: shares differ by the three kept connections at most.
      const shares = Object.values(shorts?.answers ?? {})
      t.is(shares.length, 3)
      t.true(Math.max(...shares) - Math.min(...shares) <= 4, JSON.stringify(shorts?.answers))
      const conns = (shorts?.done ?? 0) + kept.parallel
      t.is((await lab.show())[0]?.traffic.conns, conns)
    },
  )
}

privileged(
  'restart: SIGKILL and a new xlvsd, it adopts connections, counters, interfaces',
  async t => {
    const lab = await directorFor(t)
    for (const method of METHODS) await balance(lab, method, 'http')
    for (const { vip } of METHODS) await ask(lab, vip, 30)
    const before = await all(lab)

    await lab.stopDaemon('SIGKILL')
    await lab.startDaemon()
    const after = await all(lab)
    for (const { vip } of METHODS) await ask(lab, vip, 30)

    t.is(before.conns.length, 60)
    t.deepEqual(after, before)
    t.deepEqual(
      (await lab.show()).map(service => service.traffic.conns),
      [60, 60],
    )
  },
)

privileged(
  'restart: SIGTERM of xlvsd, the data plane goes on and takes new connections',
  async t => {
    const lab = await directorFor(t)
    for (const method of METHODS) await balance(lab, method, 'http')

    await lab.stopDaemon('SIGTERM')
    const answers = [await ask(lab, METHODS[0].vip, 30), await ask(lab, METHODS[1].vip, 30)]

    t.deepEqual(answers, [thirds(10), thirds(10)])
  },
)

privileged('restart: SIGKILL after changes were answered, the changes are there', async t => {
  const lab = await directorFor(t)
  await balance(lab, METHODS[0], 'http')
  await balance(lab, METHODS[1], 'udp')

  await lab.stopDaemon('SIGKILL')
  await lab.startDaemon()

  const names = (await lab.show()).map(service => `${serviceName(service)} ${service.dests.length}`)
  t.deepEqual(names.sort(), ['tcp:192.0.2.1:80 3', 'udp:192.0.2.2:53 3'])
})

privileged("restart: SIGKILL in a dest's slow start, it goes on where it was", async t => {
  const lab = await directorFor(t)
  await balance(lab, METHODS[0], 'http')
  const service = `tcp:${METHODS[0].vip}:80`
  const left = async (): Promise<number[]> =>
    (await lab.show())[0]?.dests.map(({ slowStartLeftS = 0 }) => slowStartLeftS) ?? []

  await lab.xlvs('service', 'set', service, '--scheduler', 'wlc', '--slow-start', '86400')
  const before = await left()
  const [newest] = (await lab.show())[0]?.dests ?? []
  const dest = `${newest?.address ?? ''}:${newest?.port ?? 0}`
  for (const weight of ['0', '1']) await lab.xlvs('dest', 'set', service, dest, '--weight', weight)
  const [began = 0] = await left()
  await lab.stopDaemon('SIGKILL')
  const { answers } = await lab.send({
    ...{ kind: 'short', address: METHODS[0].vip, port: SERVICES.http.port },
    ...{ count: 30, parallel: 1 },
  }).finished
  await lab.startDaemon()
  const [now = 0, ...others] = await left()

  t.deepEqual(before, [0, 0, 0])
  t.true(began > 86000 && now > 86000 && now <= began, `${began} then ${now} s left`)
  t.deepEqual(others, [0, 0])
  t.is(
    Object.values(answers).reduce((a, b) => a + b),
    30,
  )
  t.true((answers['server3'] ?? 0) <= 1, JSON.stringify(answers))
})

privileged('upgrade: another XDP program under traffic, no request is lost', async t => {
  const lab = await directorFor(t)
  await lab.decapsulate()
  const methods = [METHODS[0], METHODS6[0], TUNNELS[0]]
  for (const method of methods) await balance(lab, method, 'http')
  const loads = methods.flatMap(({ vip: address }) => {
    const load = { address, port: SERVICES.http.port, parallel: 2, restMs: 10 }
    return [
      lab.send({ ...load, kind: 'short', count: 15_000 }),
      lab.send({ ...load, kind: 'kept', count: 1e6 }),
    ]
  })
  await more(loads, 100)
  const old = await programTag(lab)
  t.deepEqual(attachedTags(lab), [old, old])

  await lab.stopDaemon('SIGKILL')
  await more(loads, 50)
  await lab.startDaemon(UPGRADE)
  await more(loads, 100)

  const upgraded = await programTag(lab)
  t.not(upgraded, old)
  t.deepEqual(attachedTags(lab), [upgraded, upgraded])
  const ended = await Promise.all(loads.map(load => load.stop()))
  for (const { reasons, mixed } of ended) t.deepEqual({ reasons, mixed }, { reasons: [], mixed: 0 })
  // A short load makes a connection a request, a kept one two; the counters went on.
  t.deepEqual(
    (await lab.show()).map(({ traffic }) => traffic.conns).sort(),
    methods.map((_, n) => (ended[2 * n]?.done ?? 0) + 2).sort(),
  )
})

async function programTag(lab: Lab): Promise<string> {
  const { daemon } = JSON.parse(await lab.xlvs('version', '--json')) as {
    daemon: { programTag: string }
  }
  return daemon.programTag
}

/** Tags of the programs that the kernel runs on the director's interfaces. */
function attachedTags(lab: Lab): string[] {
  const said = ['c0', 'r0'].map(device => lab.director.run(['ip', '-d', 'link', 'show', device]))
  return said.map(text => /prog\/xdp .*\btag ([0-9a-f]{16})/.exec(text)?.[1] ?? '')
}

async function more(running: { more(count: number): Promise<void> }[], count: number) {
  await Promise.all(running.map(load => load.more(count)))
}

async function ask(lab: Lab, address: string, count: number): Promise<Record<string, number>> {
  const { port } = SERVICES.http
  const { answers } = await lab.send({ kind: 'short', address, port, count, parallel: 4 }).finished
  return answers
}

async function all(lab: Lab) {
  return { conns: await named(lab), counts: await counts(lab), attached: await lab.interfaces() }
}

/** Connections without the seconds they have left, in an order of their own. */
async function named(lab: Lab): Promise<string[]> {
  return (await lab.conns())
    .map(({ protocol, state, client, virtual, dest }) =>
      JSON.stringify({ protocol, state, client, virtual, dest }),
    )
    .sort()
}

/** What was counted, service by service and dest by dest. */
async function counts(lab: Lab): Promise<string[]> {
  return (await lab.show())
    .flatMap(({ traffic, dests }) => [
      JSON.stringify(traffic),
      ...dests.map(dest => JSON.stringify([dest.traffic, dest.active, dest.inactive])),
    ])
    .sort()
}

function thirds(each: number): Record<string, number> {
  return { server1: each, server2: each, server3: each }
}
