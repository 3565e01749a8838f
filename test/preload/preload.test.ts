/**
 * The library of `xlvs exec` in a program that uses sockets and files in many ways (probe.c): what
 * is IPVS' is answered by a director here, everything else by the kernel. Needs root.
 */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { DirectorApi } from '../../control/daemon/contract.ts'
import { goodbyeBytes, readQuestion, replyBytes } from '../../control/daemon/ipvs_frames.ts'
import { ipvsSocketOf } from '../../control/daemon/options.ts'
import { preloadOf } from '../../control/ipvs/exec.ts'
import { answerIpvs } from '../../control/ipvs/seat.ts'
import { serveFake, serveIpvs } from '../support/fake_director.ts'
import { attempt } from '../support/namespace.ts'
import { XLVS } from '../support/keepalived.ts'
import { privileged } from '../support/privileged.ts'
import { xlvs } from '../support/run.ts'

const LIBRARY = join(import.meta.dirname, '../../build/libxlvs-ipvs.so')
const PARTS = join(import.meta.dirname, '../../addon/preload')
const NOBODY = '--reuid=65534 --regid=65534 --clear-groups'.split(' ')

const folder = mkdtempSync(join(tmpdir(), 'xlvs-preload-'))
const PROBE = join(folder, 'probe')

test.before(() => {
  const sources = 'probe.c probe_ask.c probe_files.c probe_away.c probe_ends.c'.split(' ')
  const options = ['-O1', '-Wall', '-Werror', '-o', PROBE]
  execFileSync('gcc', [...options, ...sources, '-lpthread'], { cwd: import.meta.dirname })
  const hasty = ['-D_GNU_SOURCE', '-DBACK_S=1', '-O2', '-fPIC', '-fvisibility=hidden', '-shared']
  const library = readdirSync(PARTS).filter(name => name.endsWith('.c'))
  execFileSync('gcc', [...hasty, '-o', join(folder, 'hasty.so'), ...library], { cwd: PARTS })
  // Whoever runs them must be able to read them.
  chmodSync(folder, 0o755)
  copyFileSync(LIBRARY, join(folder, 'library.so'))
})
test.after.always(() => {
  rmSync(folder, { recursive: true })
})

/** Runs a program with the library in front of it. */
function preloaded(
  socket: string,
  command: readonly string[],
  before: string[] = [],
  library = 'library.so',
) {
  const set = [`LD_PRELOAD=${join(folder, library)}`, `XLVS_IPVS_SOCKET=${socket}`]
  return attempt([...before, 'env', ...set, ...command])
}

async function serve(t: ExecutionContext): Promise<string> {
  const { socket, director } = await serveFake(t)
  return serveIpvs(t, director, socket)
}

const SOCKETS = 'waiting senders lengths families threads others namespaces flood'.split(' ')
const PROCESSES = 'children closed streams cleared'.split(' ')
const FILES = ['files', 'flags', 'folders', 'other thread']
for (const name of [...SOCKETS, ...PROCESSES, ...FILES])
  privileged(`preload: a program does ${name}, then all is as with the kernel's IPVS`, async t => {
    if (KERNELS.includes(name) && (await kernelHasIpvs(t))) {
      t.pass()
      return
    }
    const socket = await serve(t)

    t.like(await preloaded(socket, [PROBE, name]), { status: 0, stdout: '', stderr: '' })
  })

/** Those that look at the kernel's own, too. */
const KERNELS = ['namespaces', 'flags', 'folders']

/** A director that has not everything on disk; how often it was asked to. */
async function serveUnsettled(t: ExecutionContext, settle: () => Promise<void>) {
  const { socket, director } = await serveFake(t)
  const asked = { times: 0 }
  const settled = () => {
    asked.times++
    return settle()
  }
  const unsettled = { ...director, isSettled: () => false, settled }
  return { socket: await serveIpvs(t, unsettled, socket), asked }
}

const ENDS = 'return exit _exit quick_exit child parent thread signal vfork daemon cancelled'.split(
  ' ',
)
const EXECS = 'execve execveat fexecve execv execvp execvpe execl execlp execle'.split(' ')
for (const end of [...ENDS, ...EXECS, 'no exec', "nobody's"])
  privileged(`preload: a program ends by ${end}, then the disk is waited for once`, async t => {
    const { socket, asked } = await serveUnsettled(t, () => Promise.resolve())

    t.like(await preloaded(socket, [PROBE, end]), { status: 0, stderr: '' })
    t.is(asked.times, 1)
  })

privileged(
  'preload: a thread changes while another waits, then the disk is waited for again',
  async t => {
    let told = 0
    const { socket, director } = await serveFake(t)
    const asked: number[] = []
    const unsettled = {
      ...director,
      isSettled: () => (told++, false),
      settled: async () => {
        asked.push(told)
        while (told < 4) await new Promise(setImmediate)
      },
    }
    await serveIpvs(t, unsettled, socket)

    t.like(await preloaded(ipvsSocketOf(socket), [PROBE, 'both']), { status: 0, stderr: '' })
    t.deepEqual(asked, [2, 4])
  },
)

privileged(
  'preload: a program goes to the background and the disk fails, then it is said',
  async t => {
    const { socket } = await serveUnsettled(t, () => Promise.reject(new Error('disk')))

    t.like(await preloaded(socket, [PROBE, 'daemon']), { status: 0, stderr: NOT_ON_DISK })
  },
)

const FAILING = [...ENDS.filter(end => end !== 'parent' && end !== 'daemon'), 'exit 256']
for (const end of FAILING)
  privileged(
    `preload: a program ends by ${end} and the disk fails, then its status is 1`,
    async t => {
      const failing = () => Promise.reject(new Error('disk'))
      const { socket } = await serveUnsettled(t, failing)

      const { status, stdout, stderr } = await preloaded(socket, [PROBE, end])

      t.is(status, 1)
      t.is(stdout, end === 'return' || end === 'exit' ? 'said' : '')
      t.is(stderr, NOT_ON_DISK)
    },
  )

for (const end of EXECS)
  privileged(`preload: a program calls ${end} and the disk fails, then that is said`, async t => {
    const { socket } = await serveUnsettled(t, () => Promise.reject(new Error('disk')))

    t.like(await preloaded(socket, [PROBE, end]), { status: 0, stderr: NOT_ON_DISK })
  })

const NOT_ON_DISK =
  'xlvs: what this program changed is in force, but may not be on disk: Input/output error\n'

privileged('preload: a program fails and so does the disk, then its status is its own', async t => {
  const { socket } = await serveUnsettled(t, () => Promise.reject(new Error('disk')))

  t.like(await preloaded(socket, [PROBE, 'failure']), { status: 7, stderr: NOT_ON_DISK })
})

/** A kernel with IPVS of its own would answer where here nobody does. */
async function kernelHasIpvs(t: ExecutionContext): Promise<boolean> {
  const { status } = await attempt([PROBE, 'nobody'])
  if (status !== 0) t.log('this kernel has IPVS, which is asked where there is no xlvsd')
  return status !== 0
}

privileged('preload: there is no xlvsd, then the kernel answers', async t => {
  if (await kernelHasIpvs(t)) {
    t.pass()
    return
  }
  const outcome = await preloaded('/nonexistent/ipvs.sock', [PROBE, 'nobody'])

  t.like(outcome, { status: 0, stdout: '' })
})

privileged('preload: no xlvsd and ipvsadm, then its own error for no IPVS', async t => {
  if (await kernelHasIpvs(t)) {
    t.pass()
    return
  }
  const outcome = await preloaded('/nonexistent/ipvs.sock', ['ipvsadm', '-Ln'])

  t.like(outcome, { status: 2, stderr: NO_IPVS })
})

const NO_IPVS = `Can't initialize ipvs: Protocol not available
Are you sure that IP Virtual Server is built in the kernel or as module?
`

privileged('preload: one who may not open the socket, then ipvsadm says who may', async t => {
  const socket = await serve(t)

  const outcome = await preloaded(socket, ['ipvsadm', '-Ln'], ['setpriv', ...NOBODY])

  t.like(outcome, { status: 2, stderr: NO_RIGHTS })
})

const NO_RIGHTS = `Can't initialize ipvs: Permission denied (you must be root)
Are you sure that IP Virtual Server is built in the kernel or as module?
`

privileged('preload: one who may not open the socket, then no file is shown', async t => {
  const socket = await serve(t)

  const outcome = await preloaded(socket, [PROBE, 'no rights'], ['setpriv', ...NOBODY])

  t.like(outcome, { status: 0, stdout: '' })
})

privileged('preload: set-user-ID and ld.so.preload, then the user names no socket', async t => {
  const path = join(folder, 'evil.sock')
  let count = 0
  const server = createServer(client => {
    count++
    client.destroy()
  })
  server.listen(path)
  await once(server, 'listening')
  t.teardown(() => server.close())
  chmodSync(path, 0o777)
  const etc = `mount -t tmpfs none /mnt && cp -a /etc ${PROBE} /mnt && chmod 4755 /mnt/probe &&
    mount --bind /mnt/etc /etc && echo ${folder}/library.so >/etc/ld.so.preload && exec "$@"`
  const as = ['setpriv', ...NOBODY, 'env', `XLVS_IPVS_SOCKET=${path}`]
  const run = (program: string) =>
    attempt(['unshare', '-m', 'sh', '-c', etc, 'sh', ...as, program, 'nobody'])

  await run(PROBE)
  const plain = count
  t.like(await run('/mnt/probe'), { status: 0, stdout: '' })

  t.true(plain > 0)
  t.is(count, plain)
})

/** Hangs up behind each answer, and is no more after so many of them. */
async function serveTimes(t: ExecutionContext, given: DirectorApi, path: string, times = Infinity) {
  const parts = { director: given, pause: () => Promise.resolve() }
  let left = times
  const server = createServer(client => {
    client.on('error', () => undefined)
    client.on('data', (chunk: Buffer) => {
      const asked = readQuestion(chunk)
      if (asked === undefined || asked === 'garbage') throw new Error('not a whole question')
      void answerIpvs(parts, asked.question).then(answer => {
        if (--left === 0) server.close()
        client.end(Buffer.concat([replyBytes(answer), goodbyeBytes()]))
      })
    })
  })
  t.teardown(() => {
    server.close()
  })
  server.listen(path)
  await once(server, 'listening')
}

privileged('preload: xlvsd goes away for good, then nobody is shown the kernel', async t => {
  if (await kernelHasIpvs(t)) {
    t.pass()
    return
  }
  const { socket, director } = await serveFake(t)
  const path = ipvsSocketOf(socket)
  await serveTimes(t, director, path, 2)

  t.like(await preloaded(path, [PROBE, 'away'], [], 'hasty.so'), { status: 0, stdout: '' })
})

privileged('preload: the disk is waited for elsewhere, then that is not its place', async t => {
  if (await kernelHasIpvs(t)) {
    t.pass()
    return
  }
  const { socket, director } = await serveFake(t)
  const path = ipvsSocketOf(socket)
  await serveTimes(t, { ...director, isSettled: () => false }, path, 3)

  t.like(await preloaded(path, [PROBE, 'moved'], [], 'hasty.so'), { status: 0, stdout: '' })
})

privileged('preload: xlvsd is away, then nobody who starts a sync daemon waits for it', async t => {
  const { socket, director } = await serveFake(t)
  const path = ipvsSocketOf(socket)
  await serveTimes(t, director, path, 2)

  t.like(await preloaded(path, [PROBE, 'hurried']), { status: 0, stdout: '' })
})

for (const name of ['back', 'file back'])
  privileged(`preload: xlvsd goes away and comes ${name}, then it is waited for`, async t => {
    const { socket, director } = await serveFake(t)
    const path = ipvsSocketOf(socket)
    await serveTimes(t, director, path, 2)
    // Moved to the place of the other by the program.
    await serveTimes(t, director, `${path}.ready`)

    t.like(await preloaded(path, [PROBE, name]), { status: 0, stdout: '' })
  })

privileged(
  'preload: a server that hangs up behind each answer, then nobody is troubled',
  async t => {
    const { director, socket } = await serveFake(t)
    await serveTimes(t, director, ipvsSocketOf(socket))

    const outcome = await preloaded(ipvsSocketOf(socket), ['ipvsadm', '-A', '-t', '192.0.2.9:80'])

    t.like(outcome, { status: 0, stderr: '' })
  },
)

privileged('preload: a server that says something else, then an error and no hang', async t => {
  const { socket } = await serveFake(t)

  const { status } = await preloaded(socket, ['ipvsadm', '-Ln'])

  t.is(status, 2)
})

test('exec: a program with words, then it is run with them and its status is told', async t => {
  const { status, out } = await xlvs(['exec', '--', 'sh', '-c', 'echo "$0 $1"; exit 7', 'a', 'b c'])

  t.is(status, 7)
  t.is(out, 'a b c\n')
})

test('exec: no xlvsd, then it is said and the program is run', async t => {
  const socket = '/nonexistent/xlvs.sock'
  const { status, out, err } = await xlvs(['exec', '--socket', socket, '--', 'echo', 'here'])

  t.deepEqual([status, out], [0, 'here\n'])
  t.regex(err, /^warning: there is no xlvsd at \/nonexistent\/xlvs\.sock, so echo finds /)
})

test('exec: a socket that an xlvsd has left, then it is said too', async t => {
  const socket = join(folder, 'left.sock')
  const path = ipvsSocketOf(socket)
  const kill = 'process.kill(process.pid, 9)'
  const leave = `require('net').createServer().listen('${path}', () => ${kill})`
  await attempt([process.execPath, '-e', leave])
  t.true(existsSync(path))

  const { status, err } = await xlvs(['exec', '--socket', socket, '--', 'true'])

  t.is(status, 0)
  t.regex(err, /^warning: there is no xlvsd at /)
})

test('exec: LD_PRELOAD is set already, then it comes behind', async t => {
  const env = { LD_PRELOAD: '/nonexistent.so' }
  const { out } = await xlvs(['exec', '--', 'sh', '-c', 'echo $LD_PRELOAD'], { env })

  t.is(out, `${LIBRARY}:${env.LD_PRELOAD}\n`)
})

test('exec: the library in a folder that LD_PRELOAD cannot name, then it is said', t => {
  for (const library of ['/opt/my xlvs/libxlvs-ipvs.so', '/opt/a:b/libxlvs-ipvs.so'])
    t.throws(() => preloadOf(library, ''), { code: 'PROGRAM_MISSING', message: /a colon ends/ })
})

test('exec: a program that a signal ends, then the command is ended by it', async t => {
  const { status } = await xlvs(['exec', '--', 'sh', '-c', 'kill -TERM $$'])

  t.is(status, null)
})

test('exec: what node ignores, then the program does not', async t => {
  const words = ['SigIgn', '/proc/self/status']
  const { out } = await xlvs(['exec', '--', 'grep', ...words])

  t.is(out, execFileSync('grep', words, { encoding: 'utf8' }))
})

test('exec: pipes or a terminal, then the program waits for them', t => {
  const folder = mkdtempSync(join(tmpdir(), 'xlvs-exec-'))
  t.teardown(() => {
    rmSync(folder, { recursive: true })
  })
  const file = join(folder, 'flags')
  writeFileSync(file, 'grep -h flags /proc/self/fdinfo/[012]\n')
  const command = `${process.execPath} ${XLVS} exec -- sh ${file}`

  for (const line of [`true | ${command} 2>&1 | cat`, `script -qec '${command}' /dev/null`]) {
    const printed = execFileSync('sh', ['-c', line], { encoding: 'utf8' })
    const flags = [...printed.matchAll(/flags:\s*(\d+)/g)].map(found => parseInt(found[1] ?? '', 8))
    t.is(flags.length, 3, printed)
    t.true(
      flags.every(bits => (bits & constants.O_NONBLOCK) === 0),
      `${line}\n${printed}`,
    )
  }
})

test('exec: no program or no --, then it is said', async t => {
  const missing = await xlvs(['exec', '--', 'no-such-program'])
  const bare = await xlvs(['exec', 'ipvsadm'])

  t.is(missing.status, 1)
  t.regex(missing.err, /no program no-such-program \(PROGRAM_MISSING\)/)
  t.is(bare.status, 2)
  t.regex(bare.err, /a program behind --/)
})
