/**
 * ipvsadm where there is no daemon, and with names of hosts and ports. What it says otherwise is
 * compared with the real one in ../ipvsadm/.
 */
import test from 'ava'
import type { System } from '../../control/ipvs/system.ts'
import { call } from '../../control/ipvs/wrappers.ts'
import { serveFake } from '../support/fake_director.ts'
import { conn, dest, service } from '../support/views.ts'

/** Of Debian's /etc/services, what the lines speak of. */
const SERVICES = `# Network services
domain\t53/tcp\t\t# Domain Name Server
domain\t53/udp
http\t80/tcp\twww\t# WorldWideWeb HTTP
https\t443/tcp
http-alt\t8080/tcp\twebcache
`
/** Nothing in the guest had a name; this address has. */
const HOSTS: Record<string, string> = { '192.0.2.7': 'web.example' }

async function run(words: string[], socket: string, input = '', program = 'ipvsadm') {
  const ran = { status: 0, out: '', err: '' }
  const system: System = {
    readInput: () => Promise.resolve(input),
    print: text => (ran.out += text),
    complain: text => (ran.err += text),
    terminal: { isTTY: false, write: () => true },
    services: () => SERVICES,
    hostOf: address => Promise.resolve(HOSTS[address]),
    addressOf: host => Promise.resolve(Object.keys(HOSTS).find(key => HOSTS[key] === host)),
  }
  ran.status = await call(program, words, system, socket)
  return ran
}

test('ipvsadm: a line asked wrongly in the middle of -R, then the run ends there', async t => {
  const { socket, state } = await serveFake(t)
  const input = '-A -t 10.0.0.1:80 -s rr\n-A -f 0 -s rr\n-A -t 10.0.0.2:80 -s rr\n'

  const ran = await run(['-R'], socket, input)

  t.deepEqual(ran, { status: 2, out: '', err: "invalid fwmark value `0' specified\n" })
  t.is(state.services.length, 1)
})

test('ipvsadm: a host by its name, then its address is asked for, others have none', async t => {
  const { socket } = await serveFake(t)

  t.is((await run(['-A', '-t', 'web.example:http', '-s', 'rr'], socket)).status, 0)
  t.regex((await run(['-Ln'], socket)).out, /\nTCP {2}192\.0\.2\.7:80 rr\n/)
  t.is((await run(['-A', '-t', 'nosuch.example:80', '-s', 'rr'], socket)).status, 2)
})

test('ipvsadm: under the names of its scripts, then it saves, clears and restores', async t => {
  const { socket } = await serveFake(t)
  const saved = '-A -t 192.0.2.7:80 -s rr\n-a -t 192.0.2.7:80 -r 10.0.0.2:80 -m -w 3\n'
  const input = `# a comment\n${saved}`

  t.is((await run(['-A', '-t', '10.0.0.9:80'], socket)).status, 0)
  t.deepEqual(await run(['any'], socket, input, 'ipvsadm-restore'), { status: 0, out: '', err: '' })
  t.is((await run(['-n'], socket, '', '/sbin/ipvsadm-save')).out, saved)
  t.regex((await run([], socket, '', 'ipvsadm-save')).out, /^-A -t web\.example:http -s rr\n/)
  t.like(await run(['-x'], socket, '', 'ipvsadm-save'), {
    status: 1,
    err:
      'ipvsadm-save: Script to save the IPVS table to stdout.\n' +
      '   With the -n option, prints out the table in numeric format.\n',
  })
})

test('ipvsadm: no daemon, then exit 2, where it looked, and what to try', async t => {
  for (const words of [['-Ln'], ['-C'], ['-A', '-t', '10.0.0.1:80', '-s', 'rr']])
    t.like(await run(words, '/nonexistent/s'), {
      status: 2,
      out: '',
      err:
        "Can't initialize ipvs: cannot reach the daemon at /nonexistent/s: " +
        'there is no such socket\n' +
        'start the daemon with xlvs daemon, or name its socket by --socket or XLVS_SOCKET\n',
    })
})

test('ipvsadm: -h and -v without a daemon, then they print', async t => {
  t.regex((await run(['-h'], '/nonexistent/s')).out, /^ipvsadm v1\.31/)
  t.is((await run(['-v'], '/nonexistent/s')).status, 0)
})

test('ipvsadm: hosts and ports with names, then -L prints them and -Ln does not', async t => {
  const dests = [dest({ address: '10.0.0.2' })]
  const given = { services: [service({ address: '192.0.2.7', dests })], conns: [conn()] }
  const { socket } = await serveFake(t, given)

  t.regex(
    (await run(['-L'], socket)).out,
    /\nTCP {2}web\.example:http rr\n {2}-> 10\.0\.0\.2:http /,
  )
  t.regex((await run(['-Ln'], socket)).out, /\nTCP {2}192\.0\.2\.7:80 rr\n/)
  t.regex((await run(['-Lc'], socket)).out, /192\.0\.2\.1:http +10\.0\.0\.2:http-alt\n/)
  t.is((await run(['-D', '-t', '192.0.2.7:www'], socket)).status, 0)
})
