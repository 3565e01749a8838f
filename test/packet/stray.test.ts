/** nat_icmp_send: what nat dests send within no connection. Read next: ../../bpf/stray.bpf.c. */
import test, { type ExecutionContext } from 'ava'
import { director, XDP, type PacketDirector } from '../support/director.ts'
import { FAMILIES, IPV4, paths, services, type Family } from '../support/families.ts'
import { at, DIRECTOR_MAC, icmpError, sameButId, tcp, udp } from '../support/frames.ts'

async function telling(t: ExecutionContext, f: Family, fwd = 'nat'): Promise<PacketDirector> {
  const lvs = await director(t, services(f, { fwd, dport: fwd === 'nat' ? 8080 : 80 }))
  lvs.dataplane.set({ nat_icmp_send: 1 })
  return lvs
}

for (const f of FAMILIES) {
  const { request, reply } = paths(f)
  const client = at(f.client, 40000)
  const noPort = (from: string, about: Uint8Array): Uint8Array =>
    icmpError(`${from} > ${f.dest(2)}`, ...f.errors.noPort, about, {
      df: false,
      smac: DIRECTOR_MAC,
    })

  for (const [what, make] of [
    ['ACK', (o: object) => tcp(reply, 'A', o)],
    ['SYN', (o: object) => tcp(reply, 'S', o)],
    ['datagram', (o: object) => udp(reply, o)],
  ] as const)
    test(`stray: a ${what} of a nat dest of ${f.name}, port unreachable to the dest`, async t => {
      const lvs = await telling(t, f)

      const out = lvs.run(make({}))

      t.deepEqual([out.reason, out.verdict], ['stray', XDP.tx])
      sameButId(t, out.frame, noPort(f.director, make({ ttl: 63 })))
      t.is(lvs.conns().length, 0)
    })

  for (const [what, frame] of [
    ['a RST', tcp(reply, 'RA')],
    ['TTL 1', tcp(reply, 'A', { ttl: 1 })],
    ['too long', udp(reply, { data: Buffer.alloc(1500) })],
    ['another port', tcp(`${at(f.dest(2), 8081)} > ${client}`, 'A')],
    ['another host', tcp(`${at(f.dest(3), 8080)} > ${client}`, 'A')],
  ] as const)
    test(`stray: ${what}, ${f.name}, passed to the host as it came`, async t => {
      const lvs = await telling(t, f)

      const out = lvs.run(frame)

      t.is(out.verdict, XDP.pass)
      t.is(Buffer.compare(out.frame.subarray(12), frame.subarray(12)), 0)
    })

  test(`stray: to the virtual address, ${f.name}, it answers itself`, async t => {
    const lvs = await telling(t, f)
    const frame = tcp(`${at(f.dest(2), 8080)} > ${at(f.vip, 80)}`, 'S')

    const out = lvs.run(frame)

    t.is(out.reason, 'stray')
    sameButId(t, out.frame, noPort(f.vip, frame))
  })

  test(`stray: within a connection of ${f.name}, translated as ever`, async t => {
    const lvs = await telling(t, f)
    lvs.run(tcp(request, 'S'))

    t.deepEqual(
      [tcp(reply, 'SA'), tcp(request, 'A')].map(frame => lvs.run(frame).reason),
      ['nat reply', 'nat request'],
    )
  })

  test(`stray: dest of ${f.name} removed, added, by dr, setting off, told each time`, async t => {
    const lvs = await telling(t, f)
    const told = (): string => lvs.run(tcp(reply, 'A')).reason
    const [dest] = lvs.intents[0]?.dests.splice(0) ?? []
    lvs.publish()
    const seen = [told()]
    if (dest) lvs.intents[0]?.dests.push(dest)
    lvs.publish()
    seen.push(told())
    lvs.dataplane.set({})
    seen.push(told())
    lvs.dataplane.set({ nat_icmp_send: -1 })
    seen.push(told())
    const service = lvs.intents[0]?.service
    if (service) lvs.dataplane.withdraw(service)
    seen.push(told())

    t.deepEqual(seen, ['no connection', 'stray', 'no connection', 'stray', 'no connection'])
  })

  test(`stray: a dest of ${f.name} by dr, passed to the host`, async t => {
    const lvs = await telling(t, f, 'dr')

    t.is(lvs.run(tcp(`${at(f.dest(2), 80)} > ${client}`, 'A')).reason, 'no connection')
  })
}

test('stray: two services with one dest, one of them removed, still told', async t => {
  const text = `tcp 192.0.2.1:80 rr\n-> 10.0.0.2:8080 nat weight 1\n`
  const lvs = await director(t, text + text.replace(':80 ', ':81 '))
  lvs.dataplane.set({ nat_icmp_send: 1 })
  const [first, second] = lvs.intents.map(({ service }) => service)
  const left = [first, second].map(service => {
    if (service) lvs.dataplane.withdraw(service)
    return lvs.run(tcp(paths(IPV4).reply, 'A')).reason
  })

  t.deepEqual(left, ['stray', 'no connection'])
})
