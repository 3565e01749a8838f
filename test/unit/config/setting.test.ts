/** Values of settings: what each kind takes, in canonical form, and how the rest is refused. */
import test from 'ava'
import {
  expected,
  parseSetting,
  parseSettingName,
  parseSettings,
} from '../../../control/config/setting.ts'
import {
  SETTING_NAMES,
  type SettingName,
  type SettingValue,
} from '../../../control/model/settings.ts'

const taken: [name: SettingName, text: string, value: SettingValue][] = [
  ['conn_reuse_mode', '-2147483648', -2147483648],
  ['conn_reuse_mode', '2147483647', 2147483647],
  ['conn_reuse_mode', '-0', 0],
  ['est_nice', '-20', -20],
  ['lblc_expiration', '8589934', 8589934],
  ['drop_entry', '2', 1],
  ['secure_tcp', '3', 3],
  ['sync_retries', '2', 2],
  ['sync_ports', '1073741824', 1073741824],
  ['sync_qlen_max', '18446744073709551615', '18446744073709551615'],
  ['sync_qlen_max', '007', '7'],
  ['sync_qlen_max', 'auto', 'auto'],
  ['sync_threshold', ' 1\t10 ', '1 10'],
  ['sync_threshold', '49', '49 50'],
  ['sync_threshold', '9 0', '9 0'],
  ['est_cpulist', '', ''],
  ['est_cpulist', 'auto', 'auto'],
  ['est_cpulist', '7, 0-2,3', '0-3,7'],
]

for (const [name, text, value] of taken)
  test(`setting: ${name} ${JSON.stringify(text)}, then it is ${JSON.stringify(value)}`, t => {
    t.is(parseSetting(name, text), value)
  })

const refused: [name: SettingName, text: string, says: RegExp][] = [
  ['udp_timeout_s', '5m', /^udp_timeout_s 5m is not a whole number: expected 1 to 8589934$/],
  ['udp_timeout_s', '', /^udp_timeout_s "" is not a whole number/],
  ['udp_timeout_s', '0', /is out of range/],
  ['conn_reuse_mode', '2147483648', /out of range: expected -2147483648 to 2147483647/],
  ['conn_reuse_mode', '0x10', /is not a whole number/],
  ['conn_reuse_mode', '1 2', /is not a whole number/],
  ['lblcr_expiration', '8589935', /is out of range/],
  ['drop_packet', '4', /is out of range: expected 0 to 3/],
  ['sync_ports', '3', /3 is not a power of two: expected a power of two, 1 to 1073741824/],
  ['sync_ports', '0', /is out of range/],
  ['sync_qlen_max', '18446744073709551616', /is out of range/],
  ['sync_qlen_max', '-1', /is not a whole number/],
  ['sync_threshold', '10 1', /has no first number below the second, 1/],
  ['sync_threshold', '50', /has no first number below the second, 50/],
  ['sync_threshold', '1 2 3', /is not one or two whole numbers/],
  ['sync_threshold', '2147483648 0', /is out of range/],
  ['est_cpulist', '3-1', /is out of range/],
  ['est_cpulist', '8192', /is out of range/],
  ['est_cpulist', 'some', /is not a list of CPUs/],
]

for (const [name, text, says] of refused)
  test(`setting: ${name} ${JSON.stringify(text)}, then a sentence refuses it`, t => {
    const error = t.throws(() => parseSetting(name, text), { code: 'BAD_SETTING' })

    t.regex(error.message, says)
    t.true(error.message.endsWith(`: expected ${expected(name)}`))
  })

test('setting: a pair by its first number, then it keeps the second it has', t => {
  t.is(parseSetting('sync_threshold', '7', '1 10'), '7 10')
  t.deepEqual(parseSettings({ sync_threshold: 7 }, { sync_threshold: '1 10' }), {
    sync_threshold: '7 10',
  })
})

test('setting: a name that is not there, then the nearest is named', t => {
  for (const name of SETTING_NAMES) t.is(parseSettingName(name), name)
  t.like(
    t.throws(() => parseSettingName('conn_reuse'), { code: 'UNKNOWN_SETTING' }),
    { hint: 'did you mean conn_reuse_mode?' },
  )
  t.like(
    t.throws(() => parseSettings({ toString: 1 }, {})),
    { message: 'there is no setting toString' },
  )
})
