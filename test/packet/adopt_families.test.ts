/**
 * A daemon that starts again over maps with connections of both families and every method: they go
 * on, both ways. Read next: adopt.test.ts.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import test from 'ava'
import { director, type PacketDirector } from '../support/director.ts'
import { FAMILIES, IPV4, IPV6, paths, type Family } from '../support/families.ts'
import { at, ipip, macOf, sameButId, sameFrame, tcp, udp } from '../support/frames.ts'
import { requestSlot, slots } from './table.ts'

/** Services by each method in a family: ports 80, 81, 82. */
function servicesOf(f: Family): string {
  return `
    tcp ${at(f.vip, 80)} rr
      -> ${at(f.dest(2), 8080)} nat weight 1
    tcp ${at(f.vip, 81)} rr
      -> ${at(f.dest(3), 81)} dr weight 1
    tcp ${at(f.vip, 82)} rr
      -> ${at(f.dest(4), 82)} tun weight 1
    udp ${at(f.vip, 53)} rr
      -> ${at(f.dest(5), 53)} nat weight 1
      -> ${at(f.dest(6), 53)} nat weight 1
      -> ${at(f.dest(7), 53)} nat weight 1`
}
const SERVICES = FAMILIES.map(servicesOf).join('')

type T = Parameters<typeof director>[0]

/** A folder in the bpffs that goes with the test. */
function folder(t: T): string {
  const path = mkdtempSync('/sys/fs/bpf/xlvs-test-')
  t.teardown(() => {
    rmSync(path, { recursive: true, force: true })
  })
  return path
}

const to = (f: Family, port: number, cport = 40000): string =>
  `${at(f.client, cport)} > ${at(f.vip, port)}`

function open(lvs: PacketDirector, f: Family): void {
  for (const port of [80, 81, 82]) lvs.run(tcp(to(f, port), 'S'))
}

for (const f of FAMILIES) {
  test(`adopt: connections of ${f.name} by every method, they go on`, async t => {
    const bpffs = folder(t)
    const first = await director(t, SERVICES, { bpffs })
    open(first, f)

    const second = await director(t, SERVICES, { bpffs })

    t.true(second.kernel.adopted)
    const { request, requestOut, reply, replyOut } = paths(f)
    sameFrame(t, second.receive(tcp(request, 'A')), tcp(requestOut, 'A', { ttl: 63 }))
    sameFrame(t, second.receive(tcp(reply, 'A')), tcp(replyOut, 'A', { ttl: 63 }))
    const left = { ttl: 63, dmac: macOf(f.dest(3)) }
    sameFrame(t, second.receive(tcp(to(f, 81), 'A')), tcp(to(f, 81), 'A', left))
    const inner = tcp(to(f, 82), 'A', { ttl: 63 })
    const df = f === IPV4
    const tunnel = ipip(`${f.director} > ${f.dest(4)}`, inner, { ttl: 63, df, id: 0 })
    sameButId(t, second.receive(tcp(to(f, 82), 'A')), tunnel)
    t.is(second.conns().length, 3)
    t.is(second.traffic(0 + (f === IPV6 ? 4 : 0)).inPackets, 2)
  })

  test(`adopt: slots of ${f.name}, both find each other's and sweep them once`, async t => {
    const bpffs = folder(t)
    const first = await director(t, SERVICES, { bpffs })
    open(first, f)
    const second = await director(t, SERVICES, { bpffs, key: [1, 2, 3, 4, 5, 6, 7, 8] })
    second.run(tcp(to(f, 80, 40001), 'S'))

    t.deepEqual(slots(first, f), slots(second, f))
    t.is(first.run(tcp(to(f, 80, 40001), 'A')).reason, 'nat request')
    t.is(requestSlot(second, 40001, f).caddr, f.client)
    second.advance(2000)
    t.is(second.sweep().expired, 4)
    t.deepEqual(second.counts(f.dest(2)), { active: 0, inactive: 0 })
  })

  test(`adopt: rr of ${f.name} in mid-round, it goes on where it was`, async t => {
    const bpffs = folder(t)
    const pick = (lvs: PacketDirector, cport: number) => {
      const { frame } = lvs.run(udp(to(f, 53, cport)))
      const dmac = Buffer.from(frame.subarray(0, 6)).toString('hex')
      return [5, 6, 7].find(n => macOf(f.dest(n)).replaceAll(':', '') === dmac)
    }
    const first = await director(t, SERVICES, { bpffs })
    const before = [pick(first, 5001), pick(first, 5002)]

    const second = await director(t, SERVICES, { bpffs })

    t.deepEqual([...before, pick(second, 5003), pick(second, 5004)], [7, 6, 5, 7])
  })

  test(`adopt: a dest of ${f.name} removed meanwhile, its connections are kept for it`, async t => {
    const bpffs = folder(t)
    const first = await director(t, SERVICES, { bpffs })
    open(first, f)
    const without = SERVICES.replace(`-> ${at(f.dest(2), 8080)} nat weight 1`, '')

    const second = await director(t, without, { bpffs })

    t.is(second.run(tcp(to(f, 80), 'A')).reason, 'dest gone')
    t.is(second.run(tcp(paths(f).reply, 'A')).reason, 'nat reply')
  })
}
