/**
 * `xlvs apply` against a real xlvsd: what a file says is in force, twice changes nothing, a refused
 * one leaves everything, and packets go on while thousands of dests come and go.
 * Read next: ../support/lab.ts.
 */
import type { ExecutionContext } from 'ava'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { directorFor, labFor, NAT_PORT, SERVICES, type Lab } from '../support/lab.ts'
import { VIPS } from '../support/lab_network.ts'
import { privileged } from '../support/privileged.ts'

const WEB = `tcp ${VIPS[4].nat}:${SERVICES.http.port}`
const HTTP = { address: VIPS[4].nat, port: SERVICES.http.port, parallel: 4 } as const

function web(lab: Lab, ...more: string[]): string {
  const dests = lab.servers.map(({ address }) => `      - nat ${address}:${NAT_PORT.http}`)
  const service = [`  ${WEB}:`, '    name: web', '    scheduler: rr', '    dests:', ...dests]
  return ['services:', ...service, ...more, ''].join('\n')
}

/** A file beside the daemon's own, applied. */
function applying(lab: Lab): (text: string, ...flags: string[]) => ReturnType<Lab['attempt']> {
  const file = join(dirname(lab.places.socket), 'lvs.yaml')
  return (text, ...flags) => {
    writeFileSync(file, text)
    return lab.attempt('apply', file, ...flags)
  }
}

/** Everything that is on disk. */
function journal(lab: Lab): Record<string, string> {
  const { state } = lab.places
  return Object.fromEntries(
    readdirSync(state)
      .filter(name => name !== 'owner')
      .map(name => [name, readFileSync(join(state, name), 'utf8')]),
  )
}

/** Seconds that an established connection has left, right after it was used. */
async function establishedS(t: ExecutionContext, lab: Lab): Promise<number> {
  const running = lab.send({ ...HTTP, kind: 'kept', parallel: 1, count: 1e6 })
  await running.more(20)
  const all = await lab.conns()
  await running.stop()
  const found = all.filter(({ state }) => state === 'ESTABLISHED')
  t.is(found.length, 1)
  return found[0]?.expiresS ?? 0
}

privileged(
  'apply: a file on a bare director, then it balances; the same again is nothing',
  async t => {
    const lab = await labFor(t)
    await lab.startDaemon()
    const apply = applying(lab)
    const text = `settings: {tcp_timeout_s: 50}\ninterfaces: [c0, r0]\n${web(lab)}`

    const first = await apply(text)
    const left = await establishedS(t, lab)
    const before = journal(lab)
    const second = await apply(text)

    t.is(first.status, 0, first.stderr)
    t.regex(first.stdout, /added 1 service, 3 dests, 2 interfaces, 1 setting\n$/)
    t.true(left > 40 && left <= 51, `${left} s`)
    t.regex(second.stdout, /: nothing changed\n$/)
    t.deepEqual(journal(lab), before)

    await lab.stopDaemon('SIGKILL')
    await lab.startDaemon()
    const third = await apply(text)
    const after = await establishedS(t, lab)

    t.regex(third.stdout, /: nothing changed\n$/)
    t.true(after > 40 && after <= 51, `${after} s`)
    const yaml = await lab.xlvs('show', '--yaml')
    t.regex((await apply(yaml)).stdout, /: nothing changed\n$/)
  },
)

privileged('apply: a setting goes from the file, then its default is in force again', async t => {
  const lab = await directorFor(t)
  const apply = applying(lab)
  await apply(`settings: {tcp_timeout_s: 50}\n${web(lab)}`)

  const { stdout } = await apply(web(lab))
  const left = await establishedS(t, lab)

  t.regex(stdout, /- setting tcp_timeout_s {2}50 to 900/)
  t.true(left > 880 && left <= 901, `${left} s`)
})

privileged('apply: refused by the kernel or the tables, then nothing has changed', async t => {
  const lab = await directorFor(t)
  const apply = applying(lab)
  await apply(web(lab))
  const before = [await lab.show(), await lab.interfaces(), journal(lab)]
  const many = Array.from({ length: 17_000 }, (_, i) => `  udp 192.0.2.9:${i + 1}:`)

  const gone = await apply(`interfaces: [eth9]\n${web(lab, '  udp 192.0.2.9:53:')}`)
  const full = await apply(web(lab, ...many))

  t.is(gone.status, 1)
  t.regex(gone.stderr, /INTERFACE_MISSING/)
  t.is(full.status, 1)
  t.regex(full.stderr, /TABLE_FULL/)
  t.deepEqual([await lab.show(), await lab.interfaces(), journal(lab)], before)
})

privileged('apply: hundreds of services come and go under traffic, no request is lost', async t => {
  const lab = await directorFor(t)
  const apply = applying(lab)
  await apply(web(lab))
  const dests = Array.from({ length: 10 }, (_, i) => `      - nat 10.0.0.${i + 2}:8080`)
  const others = Array.from({ length: 500 }, (_, i) => [`  udp 192.0.2.9:${i + 1}:`, '    dests:'])
  const many = web(lab, ...others.flatMap(lines => [...lines, ...dests]))
  const running = [
    lab.send({ ...HTTP, kind: 'short', count: 20_000 }),
    lab.send({ ...HTTP, kind: 'kept', parallel: 3, count: 1e6 }),
  ]
  const more = () => Promise.all(running.map(load => load.more(100)))
  await more()

  const come = await apply(many)
  await more()
  const here = (await lab.show()).length
  const go = await apply(web(lab))
  await more()
  const [shorts, kepts] = await Promise.all(running.map(load => load.stop()))

  t.regex(come.stdout, /added 500 services, 5000 dests$/m)
  t.is(here, 501)
  t.regex(go.stdout, /removed 500 services, 5000 dests$/m)
  t.deepEqual(shorts?.reasons, [])
  t.deepEqual(kepts?.reasons, [])
  t.is(kepts?.mixed, 0)
})
