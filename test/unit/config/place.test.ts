/** Where in a file stands what the daemon refused. */
import test from 'ava'
import { placed } from '../../../control/config/place.ts'
import { ConfigError, XlvsError, type About } from '../../../control/errors.ts'

const TEXT = `settings: {udp_timeout_s: 60}
interfaces:
  - eth0
  - "eth1 generic"
services:
  tcp 192.0.2.1:80:
    name: web
    dests:
      - nat 10.0.0.2:8080 weight 2
      - nat   10.0.0.3
  tcp [2001:db8:0::1]:80:
    dests: [dr 2001:db8::2]
  fwmark 77:
    dests: [dr 10.0.0.5]
sync: {master: {interface: eth0}}
`

const rows: [about: About, underlined: string | undefined, at: string][] = [
  [{ what: 'setting', name: 'udp_timeout_s' }, '60', '1:27'],
  [{ what: 'interface', name: 'eth0' }, 'eth0', '3:5'],
  [{ what: 'interface', name: 'eth1' }, 'eth1', '4:6'],
  [{ what: 'interface', name: 'eth2' }, undefined, ''],
  [{ what: 'service', name: 'tcp:192.0.2.1:80' }, 'tcp 192.0.2.1:80', '6:3'],
  [{ what: 'service', name: 'tcp:[2001:db8::1]:80' }, 'tcp [2001:db8:0::1]:80', '11:3'],
  [{ what: 'service', name: 'tcp:192.0.2.1:81' }, undefined, ''],
  [{ what: 'dest', name: '10.0.0.2:8080', service: 'tcp:192.0.2.1:80' }, '10.0.0.2:8080', '9:13'],
  [{ what: 'dest', name: '10.0.0.3:80', service: 'tcp:192.0.2.1:80' }, '10.0.0.3', '10:15'],
  [{ what: 'service', name: 'fwmark:77' }, 'fwmark 77', '13:3'],
  [{ what: 'dest', name: '10.0.0.5:0', service: 'fwmark:77' }, '10.0.0.5', '14:16'],
  [{ what: 'daemon', name: 'master' }, 'master', '15:8'],
  [{ what: 'daemon', name: 'backup' }, undefined, ''],
  [{ what: 'dest', name: '10.0.0.4:80', service: 'tcp:192.0.2.1:80' }, undefined, ''],
]

for (const [about, underlined, at] of rows)
  test(`place: ${about.what} ${about.name}, then ${underlined ?? 'nowhere'}`, t => {
    const error = new XlvsError('KERNEL_REFUSED', 'no', 'do', { about: [about] })

    const found = placed('f', TEXT, error)

    const [fault] = found instanceof ConfigError ? found.faults : []
    const line = TEXT.split('\n')[(fault?.line ?? 0) - 1]
    const from = (fault?.column ?? 0) - 1
    t.is(fault && line?.slice(from, from + fault.length), underlined)
    t.is(fault ? `${fault.line}:${fault.column}` : '', at)
    t.is(found.code, 'KERNEL_REFUSED')
    t.is(found === error, underlined === undefined)
  })
