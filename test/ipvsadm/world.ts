/**
 * Where a recorded scenario is carried out by xlvs: the real director, journal and tables on a disk
 * and maps in memory, in a network that is the guest's (lo and nothing else), its API on a socket,
 * and ipvsadm in this process. Read next: transcript.ts, compare.ts.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildApi } from '../../control/daemon/api.ts'
import type { DirectorApi } from '../../control/daemon/contract.ts'
import { connectDirector } from '../../control/daemon/client.ts'
import { createLog } from '../../control/daemon/log.ts'
import { PROC_NAMES } from '../../control/ipvs/proc.ts'
import { procText } from '../../control/ipvs/proc_files.ts'
import { main as sysctl } from '../../control/ipvs/sysctl.ts'
import type { SysctlSystem } from '../../control/ipvs/sysctl_system.ts'
import type { System } from '../../control/ipvs/system.ts'
import { call } from '../../control/ipvs/wrappers.ts'
import { Network } from '../../control/plan/network.ts'
import { begin } from '../support/crash_life.ts'
import { Disk } from '../support/disk.ts'
import { MemoryMaps } from '../support/memory_maps.ts'
import type { Ran, Scenario, Step } from './transcript.ts'

const HOSTS = await readFile(join(import.meta.dirname, 'hosts'), 'utf8')
const SERVICES = await readFile(join(import.meta.dirname, 'services'), 'utf8')
/** Of table local. */
const LOCAL = { table: 255, metric: 0, mtu: 0, nexthops: [], gateway: '', ifindex: 1 }
const NETWORK = new Network({
  links: [{ ifindex: 1, name: 'lo', mac: '00:00:00:00:00:00', mtu: 65536, up: true }],
  addresses: [
    { ifindex: 1, address: '127.0.0.1', prefix: 8 },
    { ifindex: 1, address: '::1', prefix: 128 },
  ],
  routes: [
    { ...LOCAL, type: 2, destination: '127.0.0.0', prefix: 8 },
    { ...LOCAL, type: 3, destination: '127.255.255.255', prefix: 32 },
  ],
  neighbours: [],
})
/** Any secret of the hash will do. */
const KEY = Array.from({ length: 16 }, (_, i) => i + 1)
/** The guest's. */
const CPUS = 2
/** Who has no rights. */
const NOBODY = 65534

/** What xlvs does for each step, from an empty table on. */
export async function replay({ steps }: Scenario): Promise<Ran[]> {
  const folder = await mkdtemp(join(tmpdir(), 'xlvs-ipvsadm-'))
  const api = buildApi(await newDirector(), createLog('silent'))
  const socket = join(folder, 'xlvs.sock')
  await api.listen({ path: socket })
  try {
    const ran: Ran[] = []
    for (const step of steps) ran.push(await carryOut(step, socket))
    return ran
  } finally {
    await api.close()
    await rm(folder, { recursive: true })
  }
}

/** A director in the guest's network, with an empty table. */
export async function newDirector(): Promise<DirectorApi> {
  const machine = { disk: new Disk(), maps: new MemoryMaps(KEY, CPUS) }
  return (await begin(machine, () => 0, NETWORK)).lvs
}

async function carryOut({ words: all, input }: Step, socket: string): Promise<Ran> {
  const ran: Ran = { status: 0, out: '', err: '' }
  const [program = '', ...words] = all
  const system: System = {
    readInput: () => Promise.resolve(input),
    print: text => (ran.out += text),
    complain: text => (ran.err += text),
    terminal: { isTTY: false, write: () => true },
    services: () => SERVICES,
    hostOf: address => Promise.resolve(hostOf(address)),
    addressOf: name => Promise.resolve(addressOf(name)),
  }
  try {
    ran.status = await started(program, words, system, socket)
  } catch (error) {
    return { ...ran, status: -1, err: `${ran.err}${String(error)}\n` }
  }
  return ran
}

async function started(
  program: string,
  words: readonly string[],
  system: System,
  socket: string,
): Promise<number> {
  switch (program) {
    case 'cat':
      system.print(await proc(words, socket))
      return 0
    case 'sysctl':
      return sysctl(words, SYSCTL(system), socket)
    case 'setpriv':
      return asNobody(() =>
        call('ipvsadm', words.slice(words.indexOf('ipvsadm') + 1), system, socket),
      )
    default:
      return call(program, words, system, socket)
  }
}

/** The socket is in a folder that only its owner may enter. */
async function asNobody(run: () => Promise<number>): Promise<number> {
  process.seteuid?.(NOBODY)
  try {
    return await run()
  } finally {
    process.seteuid?.(0)
  }
}

/** Nothing but IPVS is asked about; what is left to the host is as the guest has it. */
const SYSCTL = (system: System): SysctlSystem => ({
  print: text => {
    system.print(text)
  },
  complain: text => {
    system.complain(text)
  },
  real: () => 1,
  realText: () => ({ status: 0, out: '' }),
  readFile: () => undefined,
  hostValue: name => (name === 'sync_qlen_max' ? '15302' : '0-1'),
})

/** The name of an address by the guest's /etc/hosts. */
function hostOf(address: string): string | undefined {
  for (const line of HOSTS.split('\n')) {
    const [number, name] = line.split(' ')
    if (number === address) return name
  }
  return undefined
}

/** The IPv4 address of a name by it. */
function addressOf(name: string): string | undefined {
  for (const line of HOSTS.split('\n')) {
    const [number = '', ...names] = line.split(' ')
    if (names.includes(name.toLowerCase()) && !number.includes(':')) return number
  }
  return undefined
}

/** The text of files of /proc/net. */
async function proc(paths: readonly string[], socket: string): Promise<string> {
  const director = connectDirector(socket)
  try {
    const names = PROC_NAMES.filter(name => paths.includes(`/proc/net/${name}`))
    return (await Promise.all(names.map(name => procText(name, director)))).join('')
  } finally {
    director.close()
  }
}
