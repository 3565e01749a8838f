/**
 * schedule_icmp: an ICMP error about a packet of no connection makes one.
 * Source of what is expected: ip_vs_core.c ip_vs_in_icmp (v6.12), recorded frames.
 */
import test from 'ava'
import { store32 } from '../../addon/index.ts'
import { SETTINGS } from '../../control/abi/maps.gen.ts'
import { writeDefence } from '../../control/dataplane/settings.ts'
import { defence } from '../../control/plan/defence.ts'
import { director, XDP, type PacketDirector } from '../support/director.ts'
import { FAMILIES, paths, services, type Family } from '../support/families.ts'
import { at, icmpError, readdressed, sameFrame, tcp, udp } from '../support/frames.ts'

async function scheduling(
  t: Parameters<typeof director>[0],
  f: Family,
  o: Parameters<typeof services>[1] = {},
): Promise<PacketDirector> {
  const lvs = await director(t, services(f, o))
  store32(lvs.kernel.maps.settings.mmap(), SETTINGS.schedule_icmp / 4, 1)
  return lvs
}

for (const f of FAMILIES) {
  const { request, reply, replyOut } = paths(f)
  const path = `${f.router} > ${f.vip}`
  const [type, code] = f.errors.noPort

  for (const [what, about] of [
    ['an ACK', tcp(replyOut, 'A')],
    ['a RST', tcp(replyOut, 'R')],
    ['a datagram', udp(replyOut)],
  ] as const)
    test(`schedule_icmp: ${f.name} about ${what}, a connection is made and it goes on`, async t => {
      const lvs = await scheduling(t, f)

      const out = lvs.run(icmpError(path, type, code, about))

      t.is(out.reason, 'icmp request')
      const quoted = readdressed(about, reply)
      const o = { ttl: 63 }
      sameFrame(t, out.frame, icmpError(`${f.router} > ${f.dest(2)}`, type, code, quoted, o))
      const conn = lvs.conns()[0]
      t.deepEqual([lvs.conns().length, conn?.expiresS, conn?.client.port], [1, 3, 40000])
      if (conn?.protocol === 'tcp') t.deepEqual(lvs.counts(f.dest(2)), { active: 0, inactive: 1 })
      t.is(lvs.traffic(conn?.protocol === 'udp' ? 1 : 0).conns, 1)
    })

  test(`schedule_icmp: ${f.name} off, the error passes`, async t => {
    const lvs = await director(t, services(f))

    const out = lvs.run(icmpError(path, type, code, udp(replyOut)))

    t.deepEqual([out.reason, out.verdict], ['no connection', XDP.pass])
    t.is(lvs.conns().length, 0)
  })

  test(`schedule_icmp: ${f.name} about the port of FTP data, the error passes`, async t => {
    const lvs = await scheduling(t, f)
    const about = tcp(`${at(f.vip, 80)} > ${at(f.client, 20)}`, 'A')

    const out = lvs.run(icmpError(path, type, code, about))

    t.deepEqual([out.reason, out.verdict], ['ftp data', XDP.pass])
    t.is(lvs.conns().length, 0)
  })

  const toPort0 = `${at(f.vip, 80)} > ${at(f.client, 0)}`
  for (const [what, about] of [
    ['a segment', tcp(toPort0, 'A')],
    ['a datagram', udp(toPort0)],
  ] as const)
    test(`schedule_icmp: ${f.name} about ${what} to port 0, the error passes`, async t => {
      const lvs = await scheduling(t, f)

      const out = lvs.run(icmpError(path, type, code, about))

      t.deepEqual([out.reason, out.verdict], ['no connection', XDP.pass])
      t.is(lvs.conns().length, 0)
    })

  test(`schedule_icmp: ${f.name} while drop_packet drops all, no connection is made`, async t => {
    const lvs = await scheduling(t, f)
    writeDefence(lvs.kernel, defence({ drop_packet: 3, am_droprate: 1 }, Infinity))

    const out = lvs.run(icmpError(path, type, code, udp(replyOut)))

    t.deepEqual([out.reason, out.verdict], ['overload', XDP.drop])
    t.is(lvs.conns().length, 0)
  })

  test(`schedule_icmp: ${f.name} then a segment, the connection is as any other`, async t => {
    const lvs = await scheduling(t, f)
    lvs.run(icmpError(path, type, code, tcp(replyOut, 'A')))

    t.is(lvs.run(tcp(request, 'A')).reason, 'nat request')

    t.is(lvs.conns()[0]?.state, 'ESTABLISHED')
    t.deepEqual(lvs.counts(f.dest(2)), { active: 1, inactive: 0 })
  })

  test(`schedule_icmp: ${f.name} with a wrong checksum, made all the same and dropped`, async t => {
    const lvs = await scheduling(t, f)

    const out = lvs.run(icmpError(path, type, code, udp(replyOut), { checksumError: 1 }))

    t.is(out.reason, 'bad icmp')
    t.is(lvs.conns().length, 1)
  })

  test(`schedule_icmp: ${f.name} and no dest, dropped and nobody is told`, async t => {
    const lvs = await scheduling(t, f, { weight: 0 })

    const out = lvs.run(icmpError(path, type, code, udp(replyOut)))

    t.deepEqual([out.reason, out.verdict], ['no dest', XDP.drop])
  })

  test(`schedule_icmp: ${f.name} of no service or from nobody, it passes`, async t => {
    const lvs = await scheduling(t, f)
    const nobody = f.name === 'IPv4' ? '127.0.0.1' : '::1'
    const other = udp(`${at(f.vip, 81)} > ${at(f.client, 1)}`)

    const left = [
      lvs.run(icmpError(path, type, code, other)),
      lvs.run(icmpError(`${nobody} > ${f.vip}`, type, code, udp(replyOut))),
    ]

    t.deepEqual(
      left.map(out => [out.reason, out.verdict]),
      [
        ['no service', XDP.pass],
        ['martian', XDP.pass],
      ],
    )
    t.is(lvs.conns().length, 0)
  })

  for (const [what, to, ttl, isOn, reason] of [
    ['to the VIP', f.vip, 64, true, 'bad icmp'],
    ['forwarded', f.client, 64, true, 'bad icmp'],
    ['of one hop', f.client, 1, true, 'truncated'],
    ['to the VIP, off', f.vip, 64, false, 'truncated'],
  ] as const)
    test(`schedule_icmp: ${f.name} whose quote has no ports, ${what}, ${reason}`, async t => {
      const lvs = await (isOn ? scheduling(t, f) : director(t, services(f)))
      const bytes = f.header + 3
      const error = icmpError(`${f.router} > ${to}`, type, code, udp(replyOut), { bytes, ttl })

      const out = lvs.run(error)

      t.deepEqual([out.reason, out.verdict], [reason, reason === 'bad icmp' ? XDP.drop : XDP.pass])
      t.is(lvs.conns().length, 0)
    })
}
