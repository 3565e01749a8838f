/**
 * Lines that sysctl of procps 4.0.2 carried out on Linux 6.1, each on the defaults, with what it
 * printed and how it exited (sysctl_lines.jsonl), carried out here: the same, byte for byte. The
 * real sysctl is made up: it knows net.ipv4.ip_forward.
 */
import test from 'ava'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { main, pathOf } from '../../control/ipvs/sysctl.ts'
import type { SysctlSystem } from '../../control/ipvs/sysctl_system.ts'
import { serveFake } from '../support/fake_director.ts'
import { xlvs } from '../support/run.ts'

interface Line {
  words: string[]
  /** The text of /tmp/s.conf. */
  file?: string
  status: number
  out: string
  err: string
  differs?: string
}

const lines = readFileSync(join(import.meta.dirname, 'sysctl_lines.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map(line => JSON.parse(line) as Line)

/** Settings that kernels have which are newer, or built for debugging. */
const NEWER = /^net\.ipv4\.vs\.(est_cpulist|est_nice|debug_level)\b.*\n/gm

async function run(words: readonly string[], socket: string, file?: string) {
  const ran = { status: 0, out: '', err: '' }
  const real = (asked: readonly string[]): number => {
    const [name = '', value] = (asked.at(-1) ?? '').split('=')
    if (name === 'net.ipv4.ip_forward') ran.out += `${name} = ${value ?? '0'}\n`
    else if (name === '') ran.err += 'sysctl: Path is not under /proc/sys/: /proc/sys/\n'
    else ran.err += `sysctl: cannot stat /proc/sys/${pathOf(name)}: No such file or directory\n`
    return name === 'net.ipv4.ip_forward' ? 0 : 1
  }
  const others =
    'kernel.pid_max = 32768\nnet.ipv4.vs.sloppy_tcp = 7\nnet.unix.max_dgram_qlen = 10\n'
  const system: SysctlSystem = {
    print: text => (ran.out += text),
    complain: text => (ran.err += text),
    real,
    realText: () => ({ status: 0, out: others }),
    readFile: path => (path === '/tmp/s.conf' ? file : undefined),
    hostValue: name => (name === 'sync_qlen_max' ? '15300' : '0-1'),
  }
  ran.status = await main(words, system, socket)
  return ran
}

for (const { words, file, differs, ...recorded } of lines)
  test(`sysctl: recorded line ${JSON.stringify(words)}, then the same`, async t => {
    const { socket } = await serveFake(t)

    const ran = await run(words, socket, file)

    const line = `sysctl ${words.join(' ')}`
    const told = { ...ran, out: ran.out.replace(NEWER, '') }
    if (differs === undefined) t.deepEqual(told, recorded, line)
    else t.notDeepEqual(told, recorded, `${line} no longer differs (${differs})`)
  })

test('sysctl: all settings, then ours are among the others in their order', async t => {
  const { socket } = await serveFake(t)

  const { out } = await run(['-aN'], socket)

  const names = out.trimEnd().split('\n')
  t.deepEqual([names[0], names.at(-1)], ['kernel.pid_max', 'net.unix.max_dgram_qlen'])
  t.deepEqual(names, names.toSorted())
  t.is(names.length, new Set(names).size)
})

test('sysctl: values of the host and of kernels that are newer, then they are there', async t => {
  const { socket } = await serveFake(t)

  t.is((await run(['net.ipv4.vs.est_cpulist=1,0'], socket)).status, 0)
  t.is((await run(['-n', 'net.ipv4.vs.est_cpulist'], socket)).out, '0-1\n')
  t.is((await run(['-n', 'net.ipv4.vs.sync_qlen_max'], socket)).out, '15300\n')
  t.is((await run(['net.ipv4.vs.tcp_timeout_s'], socket)).status, 1)
})

test('sysctl: as a command of xlvs, then it sets, and the real one has the rest', async t => {
  const { socket, state } = await serveFake(t)
  const words = ['sysctl', '-w', 'net.ipv4.vs.sloppy_tcp=1']

  const { status, out } = await xlvs(words, { socket })
  const rest = await xlvs(['sysctl', '-n', 'kernel.ostype'], { socket })
  const nobody = await xlvs(words, { socket: '/nonexistent/s' })

  t.deepEqual([status, out], [0, 'net.ipv4.vs.sloppy_tcp = 1\n'])
  t.like(state.settings, { sloppy_tcp: { value: 1 } })
  t.is(rest.out, 'Linux\n')
  t.is(nobody.status, 1)
  t.regex(nobody.err, /^sysctl: cannot reach the daemon at \/nonexistent\/s/)
})
