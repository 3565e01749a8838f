/**
 * ipvsadm where there is no daemon, and with names of hosts and ports. What it says otherwise is
 * compared with the real one in ../ipvsadm/.
 */
import test from 'ava'
import { main } from '../../control/ipvs/main.ts'
import type { System } from '../../control/ipvs/system.ts'
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

async function run(words: string[], socket: string, input = '') {
  const ran = { status: 0, out: '', err: '' }
  const system: System = {
    readInput: () => Promise.resolve(input),
    print: text => (ran.out += text),
    complain: text => (ran.err += text),
    services: () => SERVICES,
    hostOf: address => Promise.resolve(HOSTS[address]),
  }
  ran.status = await main(words, 'ipvsadm', system, socket)
  return ran
}

test('ipvsadm: what xlvs cannot yet in the middle of -R, then the run ends there', async t => {
  const { socket, state } = await serveFake(t)
  const input = '-A -t 10.0.0.1:80 -s rr\n-A -f 7 -s rr\n-A -t 10.0.0.2:80 -s rr\n'

  const { status, err } = await run(['-R'], socket, input)

  t.is(status, 2)
  t.regex(err, /^xlvs does not support services by firewall mark \(-f\) yet/)
  t.is(state.services.length, 1)
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
