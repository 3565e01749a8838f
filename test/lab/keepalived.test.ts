/**
 * Debian's keepalived, unmodified, drives xlvs: its checks find out what happens to servers, and
 * real clients see what it does about it. Each test prints what happened and what they saw. No time
 * is asserted. Read next: ../support/keepalived.ts, vrrp.test.ts.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { askerIn, startKeepalived, Table, type Keepalived } from '../support/keepalived.ts'
import { directorFor, NAT_PORT, type Lab } from '../support/lab.ts'
import { VIPS } from '../support/lab_network.ts'
import { waitFor } from '../support/namespace.ts'
import { privileged } from '../support/privileged.ts'

const HEAD = `
global_defs {
  router_id lab
  script_user root
}
`
const TCP_CHECK = 'TCP_CHECK {\n connect_timeout 1\n }'
const HTTP_GET = 'HTTP_GET {\n url {\n path /\n status_code 200\n }\n connect_timeout 1\n }'

interface Real {
  address: string
  port?: number
  weight?: number
  check: string
  /** Other lines. */
  more?: string
}

function real({ address, port = NAT_PORT.http, weight = 1, check, more = '' }: Real): string {
  return `real_server ${address} ${port} {\n weight ${weight}\n ${more}\n ${check}\n }\n`
}

/** A service by nat, looked at every second. */
function virtual(name: string, lines: string, reals: readonly Real[]): string {
  return `virtual_server ${name} {
  delay_loop 1
  retry 1
  delay_before_retry 1
  lb_algo rr
  lb_kind NAT
  protocol TCP
  ${lines}
${reals.map(real).join('')}}
`
}

async function keepalivedFor(
  t: ExecutionContext,
  lab: Lab,
  configuration: (folder: string) => string,
  options: { daemonised?: boolean } = {},
): Promise<Keepalived> {
  const { socket } = lab.places
  const all = { socket, words: ['-C'], ...options }
  const keepalived = await startKeepalived(lab.director, configuration, all)
  t.teardown(() => keepalived.remove())
  return keepalived
}

/** A check that goes by a file: its number is the exit status, and without it the check fails. */
function fileCheck(file: string): string {
  const path = `"/bin/sh -c 'exit $(cat ${file} || echo 1)'"`
  return `MISC_CHECK {\n misc_path ${path}\n misc_dynamic\n }`
}

privileged('keepalived: servers die and come back, clients get to those that live', async t => {
  t.timeout(600_000)
  const lab = await directorFor(t)
  const [one, two, three] = lab.servers
  if (!one || !two || !three) throw new Error('the lab has three servers')
  const table = new Table()
  const asker = askerIn(lab.client)
  const http = () => asker.ask('tcp', VIPS[4].nat, 80)
  const http6 = () => asker.ask('tcp', VIPS[6].nat, 80)
  const sorry = `sorry_server ${three.address} ${NAT_PORT.http}`
  const configuration = (weight: number): string =>
    HEAD +
    virtual(`${VIPS[4].nat} 80`, sorry, [
      { address: one.address, check: TCP_CHECK, weight },
      { address: two.address, check: HTTP_GET },
    ]) +
    virtual(
      `${VIPS[6].nat} 80`,
      '',
      [one, two].map(({ address6 }) => ({
        address: address6,
        check: HTTP_GET,
        more: 'inhibit_on_failure',
      })),
    )

  const keepalived = await keepalivedFor(t, lab, () => configuration(1))
  await table.see('keepalived starts, IPv4', ['server1', 'server2'], http)
  await table.see('the same, IPv6', ['server1', 'server2'], http6)

  await lab.killServer(two)
  await table.see('server2 dies, is removed', ['server1'], http)
  await table.see('server2 is inhibited, IPv6', ['server1'], http6)
  const six = (await lab.show()).find(
    service => 'address' in service && service.address === VIPS[6].nat,
  )
  t.deepEqual(six?.dests.map(({ weight }) => weight).toSorted(), [0, 1])

  await lab.reviveServer(two)
  await table.see('server2 comes back', ['server1', 'server2'], http)
  await table.see('the same, IPv6', ['server1', 'server2'], http6)

  await lab.killServer(one)
  await lab.killServer(two)
  await table.see('both die: the sorry server', ['server3'], http)
  await lab.reviveServer(one)
  await lab.reviveServer(two)
  await table.see('both come back', ['server1', 'server2'], http)

  keepalived.reload(configuration(0))
  await table.see('reload: server1 has weight 0', ['server2'], http)

  await keepalived.stop()
  t.deepEqual(await lab.show(), [])
  t.log(`\n${table.text()}`)
})

privileged(
  'keepalived: a group, scripts and a quorum in the background, as configured',
  async t => {
    t.timeout(600_000)
    const lab = await directorFor(t)
    const [one, two, three] = lab.servers
    if (!one || !two || !three) throw new Error('the lab has three servers')
    const table = new Table()
    const asker = askerIn(lab.client)
    const at = (port: number) => () => asker.ask('tcp', VIPS[4].nat, port)
    const [first, second, marked] = [at(81), at(82), at(83)]
    await lab.xlvs('mark', 'add', 'tcp', 'to', VIPS[4].nat, 'port', '83', 'mark', '7')
    await lab.xlvs('service', 'add', `tcp:${VIPS[4].nat}:99`)
    const files = (folder: string): string[] => [1, 2].map(n => join(folder, `check${n}`))

    const keepalived = await keepalivedFor(
      t,
      lab,
      folder => {
        const [file1 = '', file2 = ''] = files(folder)
        writeFileSync(file1, '0')
        writeFileSync(file2, '0')
        const vip = VIPS[4].nat
        const group = `virtual_server_group all {\n${vip} 81\n${vip} 82\nfwmark 7\n}\n`
        const lines = `quorum 2\n  sorry_server ${three.address} ${NAT_PORT.http}`
        return `${HEAD}${group}${virtual('group all', lines, [
          { address: one.address, check: fileCheck(file1), weight: 1 },
          { address: two.address, check: fileCheck(file2), weight: 1 },
        ])}`
      },
      { daemonised: true },
    )
    const [file1 = '', file2 = ''] = files(keepalived.folder)
    await table.see('keepalived starts, one port', ['server1', 'server2'], first)
    await table.see('the same, the other port', ['server1', 'server2'], second)
    await table.see('the same, by firewall mark', ['server1', 'server2'], marked)

    // 2 is a weight of 0, and so on.
    writeFileSync(file1, '2')
    await table.see('a script says weight 0: no quorum', ['server3'], first)
    writeFileSync(file1, '4')
    await table.see('it says weight 2', ['server1', 'server2'], first)
    const weights = async (): Promise<number[]> => {
      const group = (await lab.show()).filter(({ dests }) => dests.length > 0)
      return group.flatMap(({ dests }) => dests.map(({ weight }) => weight)).toSorted()
    }
    await waitFor('both weights in all three services', async () =>
      sameList(await weights(), [1, 1, 1, 2, 2, 2]),
    )
    rmSync(file2)
    await table.see('a script fails, the weight 2 is a quorum', ['server1'], second)
    rmSync(file1)
    await table.see('both fail: the sorry server', ['server3'], second)
    await table.see('the same, by firewall mark', ['server3'], marked)

    await keepalived.stop()
    t.deepEqual(
      (await lab.show()).map(service => 'port' in service && service.port),
      [99],
    )
    t.log(`\n${table.text()}`)
  },
)

function sameList(a: readonly number[], b: readonly number[]): boolean {
  return a.join() === b.join()
}
