/** Loaded programs: what the kernel says of them, and runs on given bytes. */
import { BpfProgram, load64 } from '../../addon/index.ts'
import { enterLab, loadTiny, pinFolder, privileged, refused, u32 } from './tiny.ts'

const XDP_DROP = 1
const XDP_PASS = 2
const XDP_TX = 3
const TYPE_XDP = 6
const TYPE_TC = 3
const { near } = enterLab()

/** struct xdp_md: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex. */
function xdpContext(size: number, ifindex: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(0, size, 0, ifindex, 0, 0).buffer)
}

privileged('program: loaded, its info says what the kernel made of it', t => {
  const object = loadTiny(t)

  const info = object.program('count').info

  t.like(info, { name: 'count', type: TYPE_XDP, runCount: 0, runTimeNs: 0 })
  t.regex(info.tag, /^[0-9a-f]{16}$/)
  t.true(info.id > 0 && info.xlatedBytes > 0 && info.jitedBytes > 0 && info.verifiedInsns > 0)
  t.true(info.mapIds.includes(object.map('words').info.id))
  t.false(info.mapIds.includes(object.map('tails').info.id))
  t.is(object.program('tag').info.type, TYPE_TC)
})

privileged('program: a frame run, the verdict and the changed frame come back', t => {
  const program = loadTiny(t, XDP_TX).program('count')
  const data = new Uint8Array(60).fill(1)

  const out = program.testRun({ data })

  t.is(out.retval, XDP_TX)
  t.deepEqual(out.data, new Uint8Array(60).fill(1).fill(0xab, 0, 1))
  t.deepEqual(data, new Uint8Array(60).fill(1))
  t.is(out.ctx.length, 0)
})

privileged('program: repeated, it runs at least as often and says how long one took', t => {
  const object = loadTiny(t)

  const out = object.program('count').testRun({ data: new Uint8Array(60), repeat: 1000 })

  // Interrupted, the kernel leaves some runs behind and all begin again.
  t.true(load64(object.map('words').mmap(), 0) >= 1000n)
  t.true(Number.isInteger(out.durationNs))
})

privileged('program: run on a CPU, that CPU counts it', t => {
  const object = loadTiny(t)

  object.program('count').testRun({ data: new Uint8Array(60), cpu: 0 })

  const counted = object.map('percpu').lookup(u32(0))
  t.is(counted?.[0], 1)
  t.true(counted?.subarray(8).every(byte => byte === 0))
})

privileged('program: a CPU that is not there, the error names the call', t => {
  const program = loadTiny(t).program('count')

  const error = refused(t, 'EINVAL', () => program.testRun({ data: new Uint8Array(60), cpu: 900 }))

  t.is(error.syscall, 'sched_setaffinity')
})

privileged('program: a frame that grows, the whole of it comes back', t => {
  const program = loadTiny(t).program('grow')

  t.is(program.testRun({ data: new Uint8Array(60) }).data.length, 64)
})

privileged('program: a frame that outgrows dataSizeOut, ENOSPC', t => {
  const program = loadTiny(t).program('grow')

  refused(t, 'ENOSPC', () => program.testRun({ data: new Uint8Array(60), dataSizeOut: 60 }))
})

privileged('program: a context given, the changed one comes back', t => {
  const program = loadTiny(t).program('tag')
  const ctx = new Uint8Array(192)

  const out = program.testRun({ data: new Uint8Array(60), ctx })

  t.is(out.ctx.length, 192)
  t.is(new Uint32Array(out.ctx.buffer)[2], 77) // skb->mark
  t.true(ctx.every(byte => byte === 0))
})

privileged('program: live frames, each is run and nothing comes back', t => {
  const object = loadTiny(t, XDP_DROP)
  const data = new Uint8Array(60)
  const ctx = xdpContext(60, near)

  const out = object.program('count').testRun({ data, ctx, repeat: 128, batchSize: 32, live: true })

  t.deepEqual([out.data.length, out.ctx.length], [0, 0])
  t.true(load64(object.map('words').mmap(), 0) >= 128n)
})

privileged('program: a frame too short for Ethernet, EINVAL says how short', t => {
  const program = loadTiny(t).program('count')

  const error = refused(t, 'EINVAL', () => program.testRun({ data: new Uint8Array(13) }))

  t.regex(error.message, /program 'count', 13 bytes/)
})

privileged('program: pinned, it runs again from its path and its id', t => {
  const path = `${pinFolder(t)}/program`
  const program = loadTiny(t).program('count')

  program.pin(path)
  program.close()

  const again = BpfProgram.fromPin(path)
  t.is(again.testRun({ data: new Uint8Array(60) }).retval, XDP_PASS)
  const third = BpfProgram.fromId(again.info.id)
  t.is(third.info.tag, again.info.tag)
  refused(t, 'ENOENT', () => BpfProgram.fromPin(`${path}-not`))
  refused(t, 'ENOENT', () => BpfProgram.fromId(2 ** 31 - 1))
})

privileged('program: a map at the path, EINVAL says so', t => {
  const path = `${pinFolder(t)}/map`
  loadTiny(t).map('table').pin(path)

  const error = refused(t, 'EINVAL', () => BpfProgram.fromPin(path))

  t.regex(error.message, /is not a pinned program/)
})

privileged('program: closed twice, every use says EBADF', t => {
  const program = loadTiny(t).program('count')

  program.close()
  program.close()

  for (const use of [
    () => program.fd,
    () => program.info,
    () => program.testRun({ data: new Uint8Array(60) }),
    () => {
      program.pin('/sys/fs/bpf/closed')
    },
  ])
    refused(t, 'EBADF', use)
})

privileged('program: wrong arguments, each is EINVAL with a sentence', t => {
  const program = loadTiny(t).program('count')
  const run = program.testRun.bind(program) as (options: unknown) => unknown
  const data = new Uint8Array(60)

  for (const wrong of [
    () => run(undefined),
    () => run({ data: 'frame' }),
    () => run({ data, ctx: 1 }),
    () => run({ data, repeat: -1 }),
    () => run({ data, repeat: 1.5 }),
    () => run({ data, live: 1 }),
    () => run({ data, dataSizeOut: '60' }),
    () => run({ data, cpu: 'first' }),
    () => run({ data, cpu: 100_000 }),
  ])
    t.regex(refused(t, 'EINVAL', wrong).message, / must /)
})
