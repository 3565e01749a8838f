/**
 * Carries recorded scenarios out with Debian's own ipvsadm, which the preloaded library leads to a
 * director in this process: by netlink, or by socket options where the family is refused. One shell
 * a scenario runs its commands, in a network namespace with lo and nothing else and with the
 * guest's /etc/hosts and /etc/services. Needs root. Read next: world.ts, transcript.ts.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, statSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import { ipvsServer } from '../../control/daemon/ipvs_socket.ts'
import type { Netns } from '../../control/daemon/ipvs_frames.ts'
import type { Namespace } from '../support/namespace.ts'
import { quoted, type Ran, type Scenario, type Step } from './transcript.ts'
import { newDirector } from './world.ts'

const HERE = import.meta.dirname
const LIBRARY = join(HERE, '..', '..', 'build', 'libxlvs-ipvs.so')

export type Way = 'netlink' | 'options'

/** What xlvs does for each step, from an empty table on. */
export async function runUnmodified(
  { steps }: Scenario,
  namespace: Namespace,
  way: Way,
): Promise<Ran[]> {
  const folder = await mkdtemp(join(tmpdir(), 'xlvs-unmodified-'))
  const director = await newDirector()
  const parts = { director, pause: () => setImmediate(), hasNetlink: way === 'netlink' }
  const server = ipvsServer(parts, netnsOf(namespace))
  // Only root may enter, whoever may read what is beside it.
  await mkdir(join(folder, 'in'), { mode: 0o700 })
  const socket = join(folder, 'in', 'ipvs.sock')
  server.listen(socket)
  await once(server, 'listening')
  try {
    await writeFile(join(folder, 'plan.sh'), plan(steps, folder, socket))
    for (const [number, { input }] of steps.entries())
      if (input !== '') await writeFile(join(folder, 'in', `${number}.in`), input)
    copyFileSync(LIBRARY, join(folder, 'library.so'))
    await runPlan(namespace, folder)
    return await Promise.all(steps.map((_, number) => result(folder, number)))
  } finally {
    server.close()
    await rm(folder, { recursive: true })
  }
}

function netnsOf({ pid }: Namespace): Netns {
  const { dev, ino } = statSync(`/proc/${pid}/ns/net`, { bigint: true })
  return { dev, ino }
}

async function runPlan({ pid }: Namespace, folder: string): Promise<void> {
  const shell = ['nsenter', `--net=/proc/${pid}/ns/net`, 'unshare', '--mount', 'bash', 'plan.sh']
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...shell], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const [said] = await Promise.all([text(child.stderr), once(child, 'exit')])
  if (!existsSync(join(folder, 'in', 'done')))
    throw new Error(`the shell of a scenario ended early: ${said}`)
}

/** A bash script; commands are numbered through, and may be called by the names of the guest. */
function plan(steps: readonly Step[], folder: string, socket: string): string {
  return [
    `chmod 755 ${folder}`,
    `mount --bind ${join(HERE, 'hosts')} /etc/hosts`,
    `mount --bind ${join(HERE, 'services')} /etc/services`,
    `mkdir -p x; ln -s "$(command -v ipvsadm)" x/ipvsadm; ln -s "$(command -v ipvsadm)" other`,
    `run() {`,
    `  local number=$1 input=/dev/null`,
    `  shift`,
    `  [ -e in/$number.in ] && input=in/$number.in`,
    `  LD_PRELOAD=${folder}/library.so XLVS_IPVS_SOCKET=${socket} "$@" < $input \\`,
    `    > in/$number.out 2> in/$number.err`,
    `  echo $? > in/$number.status`,
    `}`,
    ...steps.map(({ words }, number) => `run ${number} ${words.map(quoted).join(' ')}`),
    'touch in/done',
    '',
  ].join('\n')
}

async function result(folder: string, number: number): Promise<Ran> {
  const read = (kind: string): Promise<string> =>
    readFile(join(folder, 'in', `${number}.${kind}`), 'utf8')
  return { status: Number(await read('status')), out: await read('out'), err: await read('err') }
}
