/** The settings are those of net.ipv4.vs, with their defaults and bounds, and three timeouts. */
import test from 'ava'
import {
  INT_MAX,
  ruleOf,
  SETTING_NAMES,
  type SettingName,
} from '../../../control/model/settings.ts'

const ANY = [-INT_MAX - 1, INT_MAX] as const
/** Of a clock of 250 ticks a second. */
const SECONDS = [-8589934, 8589934] as const

/** Name, default, and what it may be; as text where it is more than one whole number. */
const KERNEL: [name: string, value: number | string, bounds: readonly [number, number] | string][] =
  [
    ['am_droprate', 10, ANY],
    ['amemthresh', 1024, ANY],
    ['backup_only', 0, ANY],
    ['cache_bypass', 0, ANY],
    ['conn_reuse_mode', 1, ANY],
    ['conntrack', 0, ANY],
    ['debug_level', 0, ANY],
    ['drop_entry', 0, [0, 3]],
    ['drop_packet', 0, [0, 3]],
    ['est_cpulist', 'auto', 'cpus'],
    ['est_nice', 0, [-20, 19]],
    ['expire_nodest_conn', 0, ANY],
    ['expire_quiescent_template', 0, ANY],
    ['ignore_tunneled', 0, ANY],
    ['lblc_expiration', 86400, SECONDS],
    ['lblcr_expiration', 86400, SECONDS],
    ['nat_icmp_send', 0, ANY],
    ['pmtu_disc', 1, ANY],
    ['run_estimation', 1, ANY],
    ['schedule_icmp', 0, ANY],
    ['secure_tcp', 0, [0, 3]],
    ['sloppy_sctp', 0, ANY],
    ['sloppy_tcp', 0, ANY],
    ['snat_reroute', 1, ANY],
    ['sync_persist_mode', 0, ANY],
    ['sync_ports', 1, [1, 2 ** 30]],
    ['sync_qlen_max', 'auto', 'ulong'],
    ['sync_refresh_period', 0, SECONDS],
    ['sync_retries', 0, [0, 3]],
    ['sync_sock_size', 0, ANY],
    ['sync_threshold', '3 50', 'pair'],
    ['sync_version', 1, [0, 1]],
    ['tcp_fin_timeout_s', 120, [1, 8589934]],
    ['tcp_timeout_s', 900, [1, 8589934]],
    ['udp_timeout_s', 300, [1, 8589934]],
  ]

test('settings: those of the kernel, all are there and no other', t => {
  t.deepEqual(
    SETTING_NAMES.toSorted(),
    KERNEL.map(([name]) => name as SettingName),
  )
})

for (const [name, value, bounds] of KERNEL)
  test(`settings: ${name}, its default is ${value} and it may be ${String(bounds)}`, t => {
    const rule = ruleOf(name as SettingName)

    t.is(rule.default, value)
    t.deepEqual('min' in rule ? [rule.min, rule.max] : rule.kind, bounds)
  })
