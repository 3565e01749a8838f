/** What IPVS makes of the wishes for a sync daemon. */
import test from 'ava'
import { syncDaemon, type SyncRole, type SyncWish } from '../../../control/model/sync.ts'

const ROWS: [role: SyncRole, wish: Omit<SyncWish, 'interface'>, mtu: number, maxLen: number][] = [
  ['master', {}, 9000, 1472],
  ['master', { group: 'ff02::51' }, 9000, 1452],
  ['master', { maxLen: 1 }, 1500, 1],
  ['master', { maxLen: 65507, group: 'ff02::51' }, 1500, 65487],
  ['backup', {}, 1400, 1472],
  ['backup', {}, 9000, 8972],
  ['backup', {}, 70000, 65507],
  ['backup', { group: 'ff02::51' }, 9000, 8952],
  ['backup', { maxLen: 1 }, 1500, 1024],
]

for (const [role, wish, mtu, maxLen] of ROWS)
  test(`sync: a ${role} on an MTU of ${mtu}, ${JSON.stringify(wish)}, then ${maxLen} bytes`, t => {
    const defaults = { interface: 'eth0', syncId: 0, group: '224.0.0.81', port: 8848, ttl: 1 }

    const daemon = syncDaemon(role, { interface: 'eth0', ...wish }, mtu)

    t.deepEqual(daemon, { ...defaults, ...wish, maxLen })
  })
