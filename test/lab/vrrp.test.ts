/**
 * Two directors whose virtual address is moved by Debian's keepalived, unmodified: who has it
 * balances, the other one is silent, and sync daemons are started as keepalived wants them.
 * Prints what happened and what the client saw. Read next: keepalived.test.ts.
 */
import { askerIn, startKeepalived, Table } from '../support/keepalived.ts'
import { waitFor } from '../support/namespace.ts'
import { privileged } from '../support/privileged.ts'
import {
  VRRP_SERVERS,
  VRRP_VIP,
  vrrpNetworkFor,
  type VrrpDirector,
} from '../support/vrrp_network.ts'

const LONG_MS = 60_000

const real = (address: string): string =>
  `real_server ${address} 80 {\nTCP_CHECK {\nconnect_timeout 5\n}\n}\n`

const configuration = (priority: number): string => `
global_defs {
  router_id lab
  lvs_sync_daemon eth0 V1
}
vrrp_instance V1 {
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority ${priority}
  advert_int 1
  garp_master_refresh 1
  virtual_ipaddress {
    ${VRRP_VIP}/32 dev eth0
  }
}
virtual_server ${VRRP_VIP} 80 {
  delay_loop 1
  lb_algo rr
  lb_kind DR
  protocol TCP
${VRRP_SERVERS.map(real).join('')}}
`

privileged('vrrp: two directors, the address moves and only who has it balances', async t => {
  t.timeout(600_000)
  const { client, directors } = await vrrpNetworkFor(t)
  const [one, two] = directors
  const table = new Table()
  const asker = askerIn(client)
  const ask = () => asker.ask('tcp', VRRP_VIP, 80)
  const both = ['server1', 'server2']

  for (const [i, { namespace, socket }] of directors.entries()) {
    const keepalived = await startKeepalived(namespace, () => configuration(150 - 50 * i), {
      socket,
    })
    t.teardown(() => keepalived.remove())
  }
  await table.see('both start', both, ask)
  await isMaster(one, two)

  // Whoever sends to the other's MAC address gets no answer.
  client.run([
    'ip',
    'neigh',
    'replace',
    VRRP_VIP,
    'lladdr',
    two.mac,
    'nud',
    'permanent',
    'dev',
    'eth0',
  ])
  await table.see('the backup is asked', [], () => asker.ask('tcp', VRRP_VIP, 80, 4))
  const [service] = await two.show()
  t.is(service?.traffic.inPackets, 0)
  client.run(['ip', 'neigh', 'del', VRRP_VIP, 'dev', 'eth0'])
  await table.see('who has the address is', both, ask)

  one.setCable('down')
  await table.see("director1's cable is pulled", both, ask)
  await isMaster(two)
  one.setCable('up')
  await isMaster(one, two)
  await table.see('it is plugged in again', both, ask)
  t.log(`\n${table.text()}`)
})

/** Waits until the address and the sync daemon's part are where they belong. */
async function isMaster(master: VrrpDirector, backup?: VrrpDirector): Promise<void> {
  const is = async (director: VrrpDirector, isLocal: boolean, role: string): Promise<boolean> => {
    const [service] = await director.show()
    const daemons = await director.daemons()
    return service?.vipLocal === isLocal && daemons.some(daemon => daemon.role === role)
  }
  await waitFor(`${master.name} to be the master`, () => is(master, true, 'master'), LONG_MS)
  if (backup)
    await waitFor(`${backup.name} to be the backup`, () => is(backup, false, 'backup'), LONG_MS)
}
