/** Connection thresholds: who is overloaded, from when on, until when. */
import test from 'ava'
import { DEST_CONNS } from '../../control/abi/maps.gen.ts'
import { SCHEDULERS } from '../../control/model/service.ts'
import { director, type PacketDirector } from '../support/director.ts'
import { tcp } from '../support/frames.ts'

let port = 1024

/** Dest 1 was added first; the newest, the last, is looked at first. */
const service = (scheduler: string, dests: string[]): string =>
  [`tcp 192.0.2.1:80 ${scheduler}`, ...dests.map((d, i) => `-> 10.0.0.${i + 1}:80 nat ${d}`)].join(
    '\n',
  )

/** The dests of so many new connections, as the last number of their addresses; 7: refused. */
function picks(lvs: PacketDirector, count: number): string {
  return Array.from({ length: count }, () => {
    const { frame } = lvs.run(tcp(`198.51.100.7:${port++} > 192.0.2.1:80`, 'S'))
    return String(frame[33])
  }).join(' ')
}

/** So many of the connections to a dest are over; the sweep finds them. */
function release(lvs: PacketDirector, dest: number, count: number): void {
  lvs
    .conns()
    .filter(conn => conn.dest.address === `10.0.0.${dest}`)
    .slice(0, count)
    .forEach(({ client }) => {
      const request = `198.51.100.7:${client.port} > 192.0.2.1:80`
      lvs.run(tcp(`10.0.0.${dest}:80 > 198.51.100.7:${client.port}`, 'SA'))
      lvs.run(tcp(request, 'A'))
      lvs.run(tcp(request, 'R'))
    })
  lvs.advance(12)
  lvs.sweep()
}

function edit(lvs: PacketDirector, limits: { upper?: number; lower?: number }): void {
  const [dest] = lvs.intents[0]?.dests ?? []
  if (!dest) return
  delete dest.upper
  delete dest.lower
  Object.assign(dest, limits)
  lvs.publish()
}

/** With dest 2 at its upper threshold; sh, dh and mh say none where their dest is overloaded. */
const HASHED = new Set(['none', 'dh', 'sh', 'mh', 'maglev', 'twos'])
const EXPECTED: Record<string, string> = {
  rr: '2 1 2 1 1 1',
  wrr: '2 1 2 1 1 1',
  lc: '2 1 2 1 1 1',
  wlc: '2 1 2 1 1 1',
  sed: '2 1 2 1 1 1',
  nq: '2 1 2 1 1 1',
  fo: '2 2 1 1 1 1',
  ovf: '2 2 1 1 7 7',
}
for (const scheduler of SCHEDULERS.filter(name => Object.hasOwn(EXPECTED, name)))
  test(`threshold: ${scheduler}, a dest at its upper, others get what comes`, async t => {
    const lvs = await director(t, service(scheduler, ['weight 1', 'weight 1 upper 2']))

    t.is(picks(lvs, 6), EXPECTED[scheduler] ?? '')
  })

test('threshold: every scheduler that looks at dests in order has its row here', t => {
  const without = SCHEDULERS.filter(name => !HASHED.has(name) && !name.startsWith('lblc'))

  t.deepEqual(
    without.filter(name => !Object.hasOwn(EXPECTED, name)),
    [],
  )
})

test('threshold: the only dest at its upper, then it is refused', async t => {
  const lvs = await director(t, service('rr', ['weight 1 upper 3']))

  t.is(picks(lvs, 5), '1 1 1 7 7')
})

test('threshold: connections end, it is free below three quarters and not before', async t => {
  const lvs = await director(t, service('rr', ['weight 1 upper 4']))
  picks(lvs, 4)

  release(lvs, 1, 1)
  const three = picks(lvs, 1)
  release(lvs, 1, 1)
  const two = picks(lvs, 3)

  t.is(`${three} ${two}`, '7 1 1 7')
})

test('threshold: a lower one of its own, it is free below that', async t => {
  const lvs = await director(t, service('rr', ['weight 1 upper 4 lower 2']))
  picks(lvs, 4)

  release(lvs, 1, 2)
  const two = picks(lvs, 1)
  release(lvs, 1, 1)
  const one = picks(lvs, 4)

  t.is(`${two} ${one}`, '7 1 1 1 7')
})

test('threshold: it is edited away, the dest is free at once', async t => {
  const lvs = await director(t, service('rr', ['weight 1 upper 2']))
  picks(lvs, 2)

  edit(lvs, {})

  t.is(picks(lvs, 3), '1 1 1')
})

test('threshold: published again as it is, it stays overloaded', async t => {
  const lvs = await director(t, service('rr', ['weight 1 upper 4']))
  picks(lvs, 4)
  release(lvs, 1, 1)

  lvs.publish()

  t.is(picks(lvs, 1), '7')
})

test('threshold: a client begins anew where its dest is full, the old one counts', async t => {
  const lvs = await director(t, service('rr', ['weight 1 upper 2']))
  picks(lvs, 2)
  const { client } = lvs.conns()[0] ?? { client: { port: 0 } }
  const request = `198.51.100.7:${client.port} > 192.0.2.1:80`
  lvs.run(tcp(`10.0.0.1:80 > 198.51.100.7:${client.port}`, 'SA'))
  lvs.run(tcp(request, 'A'))
  lvs.run(tcp(request, 'R'))

  const refused = lvs.run(tcp(request, 'S')).reason
  const counts = (): unknown => {
    const id = lvs.dataplane.tables.allDestIds('')[0] ?? 0
    return lvs.dataplane.tables.destConns.get(id)
  }
  const between = counts()
  const taken = lvs.run(tcp(request, 'S')).reason

  t.deepEqual([refused, taken], ['no dest', 'nat request'])
  t.like(between, { active: 1, inactive: 0, overloaded: 0 })
  t.like(counts(), { active: 2, inactive: 0, overloaded: 1 })
  t.is(DEST_CONNS.size, 32)
})

/** wrr's threshold falls past weights that nobody may be chosen for, as far as it must. */
const WRR: [dests: string[], expected: string][] = [
  [['weight 1', 'weight 5 upper 1', 'weight 3'], '2 3 3 3 1 3 3 3'],
  [['weight 1', 'weight 2147483647 upper 1'], '2 1 1'],
  [['weight 1 upper 1', 'weight 2 upper 2'], '2 2 1 7 7'],
]
for (const [dests, expected] of WRR)
  test(`wrr: ${dests.join(', ')}, ${expected}`, async t => {
    const lvs = await director(t, service('wrr', dests))

    t.is(picks(lvs, expected.split(' ').length), expected)
  })
