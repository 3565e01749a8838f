/**
 * Dests by NAT that are this host, and what this host answers as a dest by any method, as it leaves
 * by an interface. Checksums that a card is to finish are the lab's. Source of what is expected:
 * ip_vs_xmit.c ip_vs_nat_xmit, ip_vs_core.c handle_response (v6.1); recorded frames.
 */
import test from 'ava'
import { director, TC, XDP, type PacketDirector } from '../support/director.ts'
import { FAMILIES, paths, services, type Family } from '../support/families.ts'
import { at, icmpError, readdressed, sameFrame, samePacket, tcp, udp } from '../support/frames.ts'
import { packetOf } from '../support/wire.ts'

type T = Parameters<typeof director>[0]

/** Dest 2 is an address of this host. */
async function here(t: T, f: Family, fwd = 'nat'): Promise<PacketDirector> {
  const lvs = await director(t, services(f, { fwd }))
  const prefix = f.name === 'IPv4' ? 32 : 128
  lvs.setNetwork(facts => facts.addresses.push({ ifindex: 1, address: f.dest(2), prefix }))
  return lvs
}

function stateOf(lvs: PacketDirector): string | undefined {
  return lvs.conns()[0]?.state
}

for (const f of FAMILIES) {
  const { request, requestOut, reply, replyOut } = paths(f)

  for (const o of [{}, { ttl: 1 }, { data: Buffer.alloc(1461) }, { checksumError: 5 }])
    test(`here: ${f.name} to a nat dest, ${JSON.stringify(o).slice(0, 19)}, changed`, async t => {
      const lvs = await here(t, f)

      for (const flags of ['S', 'A']) {
        const out = lvs.run(tcp(request, flags, o))

        t.deepEqual([out.reason, out.verdict], ['local dest', XDP.pass])
        samePacket(t, out.frame, tcp(requestOut, flags, o))
      }
    })

  for (const noChecksum of [false, true])
    test(`here: a datagram of ${f.name}, checksum ${noChecksum ? 'made' : 'changed'}`, async t => {
      const lvs = await here(t, f)

      const out = lvs.run(udp(request, { noChecksum }))

      t.deepEqual([out.reason, out.verdict], ['local dest', XDP.pass])
      samePacket(t, out.frame, udp(requestOut))
    })

  test(`here: ${f.name} from client port 0, whose connection nobody finds, translated`, async t => {
    const lvs = await here(t, f)
    const from = at(f.client, 0)

    const out = lvs.run(udp(`${from} > ${at(f.vip, 80)}`, { noChecksum: true }))

    samePacket(t, out.frame, udp(`${from} > ${at(f.dest(2), 8080)}`))
  })

  test(`here: ${f.name} with a tag, passed on with it`, async t => {
    const lvs = await here(t, f)
    const tags = [{ vid: 0, priority: 3 }]

    const out = lvs.run(tcp(request, 'S', { tags }))

    samePacket(t, out.frame, tcp(requestOut, 'S', { tags }))
  })

  test(`here: an error of ${f.name} about an answer, told to the dest here`, async t => {
    const lvs = await here(t, f)
    lvs.run(udp(request))
    const error = f.errors.noPort

    const out = lvs.run(icmpError(`${f.client} > ${f.vip}`, ...error, udp(replyOut), { ttl: 1 }))

    t.deepEqual([out.reason, out.verdict], ['local dest', XDP.pass])
    samePacket(
      t,
      out.frame,
      icmpError(`${f.client} > ${f.dest(2)}`, ...error, readdressed(udp(replyOut), reply), {
        ttl: 1,
      }),
    )
  })

  test(`here: answers of ${f.name} by nat, they leave from the virtual service`, async t => {
    const lvs = await here(t, f)
    lvs.run(tcp(request, 'S'))

    const out = lvs.send(tcp(reply, 'SA', { ttl: 64 }))
    const states = [stateOf(lvs)]
    for (const flags of ['A', 'FA']) {
      lvs.run(tcp(request, flags))
      states.push(stateOf(lvs))
    }

    t.deepEqual([out.reason, out.verdict], ['nat reply', TC.goOn])
    sameFrame(t, out.frame, tcp(replyOut, 'SA', { ttl: 64 }))
    t.deepEqual(states, ['SYN_RECV', 'ESTABLISHED', 'CLOSE_WAIT'])
    const { outPackets, outBytes } = lvs.traffic()
    t.deepEqual([outPackets, outBytes], [1, packetOf(out.frame).length])
  })

  for (const noChecksum of [false, true])
    test(`here: UDP answers of ${f.name}, checksum ${noChecksum ? 'made' : 'changed'}`, async t => {
      const lvs = await here(t, f)
      lvs.run(udp(request))
      lvs.advance(100)

      const out = lvs.send(udp(reply, { noChecksum, data: 'an odd answer' }))

      sameFrame(t, out.frame, udp(replyOut, { data: 'an odd answer' }))
      t.is(lvs.conns()[0]?.expiresS, 300)
    })

  test(`here: an error of ${f.name} of the host about a request by nat, translated`, async t => {
    const lvs = await here(t, f)
    lvs.run(udp(request))
    const [path, pathOut] = [`${f.dest(2)} > ${f.client}`, `${f.vip} > ${f.client}`]

    const out = lvs.send(icmpError(path, ...f.errors.noPort, udp(requestOut)))

    t.deepEqual([out.reason, out.verdict], ['icmp reply', TC.goOn])
    sameFrame(
      t,
      out.frame,
      icmpError(pathOut, ...f.errors.noPort, readdressed(udp(requestOut), request)),
    )
    t.is(lvs.traffic(1).outPackets, 1)
  })

  for (const fwd of ['dr', 'tun']) {
    test(`here: answers of ${f.name} by ${fwd}, counted and tracked as they are`, async t => {
      const lvs = await here(t, f, fwd)
      lvs.run(tcp(request, 'S'))

      const out = lvs.send(tcp(replyOut, 'SA'))

      t.deepEqual([out.reason, out.verdict], ['direct reply', TC.goOn])
      sameFrame(t, out.frame, tcp(replyOut, 'SA'))
      lvs.send(tcp(replyOut, 'FA'))
      t.is(stateOf(lvs), 'TIME_WAIT')
      t.is(lvs.traffic().outPackets, 2)
    })

    test(`here: an error of ${f.name} of the host about a request by ${fwd}, counted`, async t => {
      const lvs = await here(t, f, fwd)
      lvs.run(udp(request))
      const frame = icmpError(`${f.vip} > ${f.client}`, ...f.errors.noPort, udp(request))

      const out = lvs.send(frame)

      t.deepEqual([out.reason, out.verdict], ['direct reply', TC.goOn])
      sameFrame(t, out.frame, frame)
      t.is(lvs.traffic(1).outPackets, 1)
    })
  }

  test(`here: what else of ${f.name} the host sends, as it is and not counted`, async t => {
    const lvs = await here(t, f)
    lvs.run(tcp(request, 'S'))

    for (const frame of [
      tcp(reply.replace('8080', '8081'), 'A'),
      tcp(request, 'A'),
      icmpError(`${f.director} > ${f.client}`, ...f.errors.noPort, udp(reply)),
      tcp(reply, 'A', { protocol: 47 }),
    ]) {
      const out = lvs.send(frame)
      t.deepEqual([out.reason, out.verdict], ['', TC.goOn])
      sameFrame(t, out.frame, frame)
    }
  })

  test(`here: no dest of ${f.name} is here any more, nobody looks at what is sent`, async t => {
    const lvs = await here(t, f)
    lvs.run(tcp(request, 'S'))
    lvs.setNetwork(facts => facts.addresses.pop())

    lvs.dataplane.settleAnswers()

    t.is(lvs.send(tcp(reply, 'A')).reason, '')
  })
}
