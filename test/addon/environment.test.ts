/** Ends of environments: workers and processes that leave everything open, and errors in them. */
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { Worker } from 'node:worker_threads'

import { BpfMap, BpfObject, enterNetwork, Netlink } from '../../addon/index.ts'
import { enterLab, makeMap, privileged, refused, TINY } from './tiny.ts'

enterLab()
const ADDON = new URL('../../addon/index.ts', import.meta.url).href

/** Opens one of everything, closes nothing, and then runs `ending`. */
function leaveOpen(ending: string): string {
  return `
    import(${JSON.stringify(ADDON)}).then(async addon => {
      addon.unshareNetwork()
      const object = addon.BpfObject.open(${JSON.stringify(TINY)})
      object.load()
      const buffer = object.map('words').mmap()
      const frozen = object.map('words').mmap(true)
      const netlink = new addon.Netlink()
      netlink.watch(() => undefined)
      const ring = new addon.RingBuffer(object.map('events'), () => undefined)
      for (let i = 0; i < 2000; i++)
        object.program('tell').testRun({ data: new Uint8Array(60) })
      globalThis.all = [object, buffer, frozen, netlink, ring]
      ${ending}
    })`
}

/** Descriptors of this process. */
function descriptors(): number {
  return readdirSync('/proc/self/fd').length
}

/** Mappings of BPF maps in this process. */
function mappings(): number {
  const maps = execFileSync('cat', [`/proc/${String(process.pid)}/maps`], { encoding: 'utf8' })
  return maps.split('\n').filter(line => line.includes('bpf-map')).length
}

async function runWorker(code: string): Promise<number> {
  const worker = new Worker(code, { eval: true })
  return new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject))
}

for (const [name, ending, exit] of [
  ['ends by itself', '', 0],
  ['exits', 'process.exit(3)', 3],
] as const)
  privileged(`environment: a worker that ${name}, nothing it left open remains`, async t => {
    await runWorker(leaveOpen(''))
    const before = [descriptors(), mappings()]

    for (let i = 0; i < 5; i++) t.is(await runWorker(leaveOpen(ending)), exit)

    t.deepEqual([descriptors(), mappings()], before)
  })

privileged('environment: a worker terminated under load, nothing it left open remains', async t => {
  await runWorker(leaveOpen(''))
  const before = [descriptors(), mappings()]

  for (let i = 0; i < 5; i++) {
    const worker = new Worker(
      leaveOpen(`
      require('node:worker_threads').parentPort.postMessage('ready')
      for (;;) object.program('tell').testRun({ data: new Uint8Array(60) })`),
      { eval: true },
    )
    await new Promise(resolve => worker.once('message', resolve))
    t.is(await worker.terminate(), 1)
  }

  t.deepEqual([descriptors(), mappings()], before)
})

privileged('environment: two at once, each throws errors of its own class', async t => {
  const worker = new Worker(
    `
    const { parentPort } = require('node:worker_threads')
    import(${JSON.stringify(ADDON)}).then(({ BpfError, BpfMap }) => {
      try { BpfMap.fromId(2 ** 31 - 1) } catch (error) {
        parentPort.postMessage([error instanceof BpfError, error.code])
      }
    })`,
    { eval: true },
  )

  t.deepEqual(await new Promise(resolve => worker.once('message', resolve)), [true, 'ENOENT'])
  refused(t, 'ENOENT', () => BpfMap.fromId(2 ** 31 - 1))
})

for (const [name, ending, status] of [
  ['ends by itself', '', 0],
  ['exits', 'process.exit(7)', 7],
] as const)
  privileged(`environment: a process that ${name}, it is over at once with that status`, t => {
    const result = spawnSync(process.execPath, ['--eval', leaveOpen(ending)], {
      encoding: 'utf8',
      timeout: 30_000,
    })

    t.is(result.status, status, result.stderr)
    t.is(result.stderr, '')
  })

privileged('environment: a throw in a callback, it is an uncaught exception there', t => {
  const result = spawnSync(
    process.execPath,
    [
      '--eval',
      leaveOpen(`
      process.once('uncaughtException', error => { console.log(error.message); process.exit(9) })
      ring.stop()
      new addon.RingBuffer(object.map('events'), () => { throw new Error('mine') })
      object.program('tell').testRun({ data: new Uint8Array(60) })
      setInterval(() => undefined, 1000)`),
    ],
    { encoding: 'utf8', timeout: 30_000 },
  )

  t.is(result.status, 9, result.stderr)
  t.is(result.stdout, 'mine\n')
})

privileged('environment: the buffer of a map, it can neither be moved nor lost', t => {
  const buffer = makeMap(t, { type: 2, flags: 1 << 10 }).mmap()

  t.throws(() => structuredClone(buffer, { transfer: [buffer] }))

  t.is(buffer.byteLength, 64)
})

privileged('environment: objects collected, their descriptors are closed', async t => {
  const before = descriptors()
  const { setFlagsFromString } = await import('node:v8')
  const { runInNewContext } = await import('node:vm')
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void

  for (let i = 0; i < 20; i++) makeAndForget()
  t.true(descriptors() > before + 20)
  for (let i = 0; i < 500 && descriptors() > before; i++) {
    collect()
    await new Promise(setImmediate)
  }

  t.is(descriptors(), before)
})

/** In a function of its own, or the test's frame would still hold the last. */
function makeAndForget(): void {
  const object = BpfObject.open(TINY)
  object.load()
  object.program('count')
  new Netlink()
}

privileged('environment: a namespace that is not one, the error names the path and call', t => {
  const missing = refused(t, 'ENOENT', () => {
    enterNetwork('/nowhere')
  })
  t.is(missing.syscall, 'open')
  t.regex(missing.message, /\/nowhere/)
  const wrong = refused(t, 'EINVAL', () => {
    enterNetwork('/proc/self/ns/mnt')
  })
  t.is(wrong.syscall, 'setns')
  refused(t, 'ENOENT', () => {
    enterNetwork(2 ** 31 - 1)
  })
})
