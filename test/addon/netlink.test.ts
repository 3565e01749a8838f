/** Route netlink: dumps, neighbours set and deleted, and changes as they happen. */
import { writeFileSync } from 'node:fs'
import {
  interfaceIndex,
  type LinkInfo,
  type NeighbourInfo,
  Netlink,
  type NetlinkEvent,
} from '../../addon/index.ts'
import { arrival, enterLab, ip, ipBatch, privileged, refused, secondNetwork } from './tiny.ts'

const { near, far } = enterLab()
const NUD_PERMANENT = 0x80
const NTF_EXT_MANAGED = 1 << 8
const MAC = '02:00:00:00:00:07'

/** A Netlink closed with the test. */
function open(t: { teardown: (after: () => void) => void }): Netlink {
  const netlink = new Netlink()
  t.teardown(() => {
    netlink.close()
  })
  return netlink
}

privileged('netlink: links, each field is what ip set', t => {
  ip('link add bridge type bridge')
  ip('link set far address 02:00:00:00:00:99')
  ip('link set far master bridge')
  ip('link set far mtu 1400')
  t.teardown(() => {
    ip('link del bridge')
    ip('link set far mtu 1500')
  })

  const links = open(t).links()

  const byName = (name: string) => links.find(link => link.name === name)
  t.deepEqual(byName('far'), {
    ifindex: far,
    name: 'far',
    mac: '02:00:00:00:00:99',
    mtu: 1400,
    up: true,
    running: true,
    kind: 'veth',
    master: interfaceIndex('bridge'),
    parent: near,
    vlanId: 0,
    vlanProtocol: 0,
    xdpMode: 'none',
    xdpProgramId: 0,
  } satisfies LinkInfo)
  t.like(byName('bridge'), { kind: 'bridge', up: false, running: false, master: 0 })
  t.like(byName('lo'), { ifindex: 1, kind: '' })
  t.is(links.length, 4)
})

privileged('netlink: a link on another, its parent; no VLAN, no tag', t => {
  ip('link add link far name upper type macvlan mode bridge')
  t.teardown(() => {
    ip('link del upper')
  })

  const links = open(t).links()

  t.like(
    links.find(link => link.name === 'upper'),
    { kind: 'macvlan', parent: far, vlanId: 0, vlanProtocol: 0 },
  )
})

privileged('netlink: a veth whose peer is elsewhere, no parent', t => {
  const { path } = secondNetwork()
  ip(`link add here type veth peer name there netns ${path}`)
  t.teardown(() => {
    ip('link del here')
  })

  const links = open(t).links()

  t.like(
    links.find(link => link.name === 'here'),
    { kind: 'veth', parent: 0 },
  )
})

privileged('netlink: a link that is down, it is neither up nor running', t => {
  ip('link set far down')
  t.teardown(() => {
    ip('link set far up')
  })

  const links = open(t).links()

  t.like(
    links.find(({ ifindex }) => ifindex === far),
    { up: false, running: false },
  )
})

privileged('netlink: addresses of both families, the peer is not taken for the own', t => {
  ip('addr add 10.0.0.1/24 dev near')
  ip('addr add 10.9.0.1 peer 10.9.0.2/32 dev near')
  ip('addr add 2001:db8::1/64 dev near nodad')

  const own = open(t)
    .addresses()
    .filter(({ ifindex, address }) => ifindex === near && !address.startsWith('fe80'))
    .toSorted((a, b) => (a.address < b.address ? -1 : 1))

  t.deepEqual(own, [
    { ifindex: near, family: 4, address: '10.0.0.1', prefix: 24 },
    { ifindex: near, family: 4, address: '10.9.0.1', prefix: 32 },
    { ifindex: near, family: 6, address: '2001:db8::1', prefix: 64 },
  ])
})

privileged('netlink: routes of both families, gateways metrics and tables are read', t => {
  ip('route add default via 10.0.0.254 dev near metric 7 mtu 1300')
  ip('route add 10.5.0.0/16 dev near src 10.0.0.1 table 1000 scope link')
  ip('route add blackhole 10.6.0.0/16')
  ip('route add 10.7.0.0/16 via inet6 2001:db8::254 dev near')
  ip('-6 route add default via 2001:db8::254 dev near metric 9')
  ip('route add 10.9.0.0/16 tos 0x10 dev near')
  ip('route add 10.8.0.0/16 nexthop via 10.0.0.2 dev near weight 3 nexthop via 10.0.0.3 dev near')

  const routes = open(t).routes()

  const to = (destination: string, prefix: number) =>
    routes.find(route => route.destination === destination && route.prefix === prefix)
  t.deepEqual(to('0.0.0.0', 0), {
    family: 4,
    table: 254,
    type: 1,
    protocol: 3,
    scope: 0,
    tos: 0,
    destination: '0.0.0.0',
    prefix: 0,
    gateway: '10.0.0.254',
    ifindex: near,
    metric: 7,
    source: '',
    nexthops: [],
    mtu: 1300,
  })
  t.like(to('10.5.0.0', 16), { table: 1000, gateway: '', source: '10.0.0.1', scope: 253 })
  t.like(to('10.6.0.0', 16), { type: 6, ifindex: 0 })
  t.like(to('10.9.0.0', 16), { tos: 0x10 })
  t.like(to('10.7.0.0', 16), { family: 4, gateway: '2001:db8::254' })
  t.like(to('::', 0), { family: 6, gateway: '2001:db8::254', metric: 9, ifindex: near })
  t.deepEqual(to('10.8.0.0', 16)?.nexthops, [
    { gateway: '10.0.0.2', ifindex: near, weight: 3 },
    { gateway: '10.0.0.3', ifindex: near, weight: 1 },
  ])
  t.like(to('10.0.0.1', 32), { table: 255, type: 2 })
})

privileged('netlink: ten thousand routes, the dump is whole', t => {
  const lines = Array.from({ length: 10_000 }, (_, i) => {
    const [high, low] = [i >> 8, i & 255]
    return `route add 11.${String(high)}.${String(low)}.0/24 dev near`
  })
  ipBatch(lines)
  t.teardown(() => {
    ip('route flush root 11.0.0.0/8')
  })

  const routes = open(t).routes()

  const ours = routes.filter(({ destination }) => destination.startsWith('11.'))
  t.is(ours.length, 10_000)
  t.is(new Set(ours.map(({ destination }) => destination)).size, 10_000)
})

for (const [family, address] of [
  [4, '10.0.0.7'],
  [6, '2001:db8::7'],
] as const)
  privileged(`netlink: an IPv${String(family)} neighbour set, it is listed until deleted`, t => {
    const netlink = open(t)

    netlink.setNeighbour({ ifindex: near, address, mac: MAC })

    const listed = () => netlink.neighbours().find(entry => entry.address === address)
    t.deepEqual(listed(), {
      ifindex: near,
      family,
      address,
      mac: MAC,
      state: NUD_PERMANENT,
      flags: 0,
    })
    netlink.setNeighbour({ ifindex: near, address, mac: '02:00:00:00:00:08', state: 0x04 })
    t.like(listed(), { mac: '02:00:00:00:00:08', state: 0x04 })
    netlink.deleteNeighbour({ ifindex: near, address })
    t.is(listed()?.mac ?? '', '')
    refused(t, 'ENOENT', () => {
      netlink.deleteNeighbour({ ifindex: near, address: '10.0.0.99' })
    })
  })

for (const [how, address, options] of [
  ['managed', '10.44.0.2', { managed: true }],
  ['managed', '2001:db8:44::2', { managed: true }],
  ['used', '10.44.0.2', { use: true }],
] as const)
  privileged(`netlink: the neighbour ${address} ${how}, the kernel resolves it`, async t => {
    const { path, inside } = secondNetwork()
    ip(`link add here type veth peer name there netns ${path}`)
    inside(() => {
      ip('link set there address 02:00:00:00:00:44')
      ip('addr add 10.44.0.2/24 dev there')
      ip('addr add 2001:db8:44::2/64 dev there nodad')
      ip('link set there up')
    })
    ip('addr add 10.44.0.1/24 dev here')
    ip('addr add 2001:db8:44::1/64 dev here nodad')
    ip('link set here up')
    t.teardown(() => {
      ip('link del here')
    })
    const ifindex = interfaceIndex('here')
    const netlink = open(t)
    const resolved = nextNeighbour(netlink, ({ mac }) => mac === '02:00:00:00:00:44')

    netlink.setNeighbour({ ifindex, address, ...options })

    const neighbour = await arrival(resolved)
    t.like(neighbour, { ifindex, address })
    t.is(neighbour.flags & NTF_EXT_MANAGED, how === 'managed' ? NTF_EXT_MANAGED : 0)
  })

/** The first neighbour announced that is as wanted. */
function nextNeighbour(
  netlink: Netlink,
  wanted: (neighbour: NeighbourInfo) => boolean,
): Promise<NeighbourInfo> {
  const found = Promise.withResolvers<NeighbourInfo>()
  netlink.watch(events => {
    for (const event of events)
      if (event.kind === 'neighbour' && wanted(event.neighbour)) found.resolve(event.neighbour)
  })
  return found.promise
}

privileged(
  'netlink: changes of every kind, each is told once it happened and when it ends',
  async t => {
    const netlink = open(t)
    const events: NetlinkEvent[] = []
    const last = Promise.withResolvers<undefined>()
    netlink.watch(more => {
      events.push(...more)
      if (more.some(e => e.kind === 'link' && e.gone && e.link.name === 'brief'))
        last.resolve(undefined)
    })

    ip('link add brief type veth peer name brief2')
    ip('link set brief up')
    const brief = interfaceIndex('brief')
    ip('link set brief2 up')
    ip('addr add 10.55.0.1/24 dev brief')
    writeFileSync('/proc/sys/net/ipv4/conf/brief/rp_filter', '1')
    writeFileSync('/proc/sys/net/ipv4/conf/all/rp_filter', '2')
    ip('route add 10.56.0.0/16 via 10.55.0.2 dev brief')
    ip('neigh add 10.55.0.2 lladdr 02:00:00:00:00:55 dev brief')
    ip('neigh del 10.55.0.2 dev brief')
    ip('route del 10.56.0.0/16')
    ip('addr del 10.55.0.1/24 dev brief')
    ip('link del brief')
    await arrival(last.promise)

    const told = (kind: string, gone: boolean, wanted: object) =>
      t.true(
        events.some(event => {
          if (event.kind === 'overrun' || event.kind !== kind || event.gone !== gone) return false
          const named = event.link ?? event.address ?? event.route ?? event.neighbour
          const body = { ...named, ...event.setting }
          return Object.entries(wanted).every(
            ([key, value]) => (body as Record<string, unknown>)[key] === value,
          )
        }),
        `${kind} ${JSON.stringify(wanted)} in ${JSON.stringify(events, null, 1)}`,
      )
    told('link', false, { name: 'brief', up: false })
    told('link', false, { name: 'brief', up: true, running: true })
    told('address', false, { address: '10.55.0.1', prefix: 24 })
    told('setting', false, { ifindex: brief })
    told('setting', false, { ifindex: 0 })
    told('route', false, { destination: '10.56.0.0', gateway: '10.55.0.2', table: 254 })
    told('neighbour', false, { address: '10.55.0.2', mac: '02:00:00:00:00:55' })
    told('neighbour', true, { address: '10.55.0.2' })
    told('route', true, { destination: '10.56.0.0' })
    told('address', true, { address: '10.55.0.1' })
    told('link', true, { name: 'brief' })
  },
)

privileged('netlink: rules of marks, each field is what ip set, and changes are told', async t => {
  const netlink = open(t)
  const events: NetlinkEvent[] = []
  const last = Promise.withResolvers<undefined>()
  netlink.watch(more => {
    events.push(...more)
    if (more.some(e => e.kind === 'rule' && e.gone && e.rule.family === 6)) last.resolve(undefined)
  })
  const marked = { priority: 77, mark: 7, mask: 0xffffffff, table: 1000, action: 1, narrow: false }
  const masked = { ...marked, priority: 78, mark: 16, mask: 240, table: 101, narrow: true }

  ip('rule add priority 77 fwmark 7 lookup 1000')
  ip('rule add priority 78 fwmark 0x10/0xf0 from 10.0.0.0/8 lookup 101')
  ip('-6 rule add priority 77 fwmark 7 lookup 1000')
  const rules = netlink.rules().filter(({ mark }) => mark !== 0)
  ip('rule del priority 77')
  ip('rule del priority 78')
  ip('-6 rule del priority 77')
  await arrival(last.promise)

  t.deepEqual(rules, [
    { family: 4, ...marked },
    { family: 4, ...masked },
    { family: 6, ...marked },
  ])
  const told = events.filter(e => e.kind === 'rule').map(e => [e.gone, e.rule.family])
  t.deepEqual(told, [
    [false, 4],
    [false, 4],
    [false, 6],
    [true, 4],
    [true, 4],
    [true, 6],
  ])
})

privileged('netlink: a port leaves its bridge, no link is told gone', async t => {
  ip('link add bridge type bridge')
  ip('link set far master bridge')
  const netlink = open(t)
  const left = Promise.withResolvers<NetlinkEvent[]>()
  const events: NetlinkEvent[] = []
  netlink.watch(more => {
    events.push(...more)
    if (more.some(e => e.kind === 'link' && e.gone && e.link.name === 'bridge'))
      left.resolve(events)
  })

  ip('link set far nomaster')
  ip('link del bridge')

  const gone = (await arrival(left.promise)).filter(e => e.kind === 'link' && e.gone)
  t.deepEqual(
    gone.map(e => e.kind === 'link' && e.link.name),
    ['bridge'],
  )
})

privileged(
  'netlink: more changes than anyone reads, an overrun is told and dumps go on',
  async t => {
    const netlink = open(t)
    const overrun = Promise.withResolvers<undefined>()
    let calls = 0
    netlink.watch(events => {
      calls++
      if (events.some(({ kind }) => kind === 'overrun')) overrun.resolve(undefined)
    })

    // Without a return to the loop: the queue fills, then the socket, then the kernel drops.
    for (let i = 0; i < 100_000; i++)
      netlink.setNeighbour({
        ifindex: near,
        address: '10.0.0.77',
        mac: i % 2 === 0 ? MAC : '02:00:00:00:00:78',
      })
    t.is(calls, 0)

    t.is(netlink.neighbours().find(({ address }) => address === '10.0.0.77')?.state, NUD_PERMANENT)
    await arrival(overrun.promise)
  },
)

privileged('netlink: closed while changes pour in, no call comes after it', async t => {
  const netlink = new Netlink()
  let calls = 0
  netlink.watch(() => {
    calls++
  })
  for (let i = 0; i < 5000; i++)
    netlink.setNeighbour({
      ifindex: near,
      address: '10.0.0.78',
      mac: MAC,
      state: 1 << (1 + (i & 1)),
    })

  netlink.close()
  netlink.close()

  for (let i = 0; i < 10; i++) await new Promise(setImmediate)
  t.is(calls, 0)
  refused(t, 'EBADF', () => netlink.links())
  refused(t, 'EBADF', () => netlink.neighbours())
  refused(t, 'EBADF', () => {
    netlink.watch(() => undefined)
  })
  refused(t, 'EBADF', () => {
    netlink.setNeighbour({ ifindex: near, address: '10.0.0.78', mac: MAC })
  })
  refused(t, 'EBADF', () => {
    netlink.deleteNeighbour({ ifindex: near, address: '10.0.0.78' })
  })
})

privileged('netlink: made in another namespace, it keeps talking of that one', t => {
  const { inside } = secondNetwork()
  const there: Netlink[] = []
  inside(() => {
    ip('link add only_there type veth peer name only_there2')
    there.push(open(t))
  })

  const names = (netlink: Netlink | undefined) => netlink?.links().map(({ name }) => name)

  t.true(names(there[0])?.includes('only_there'))
  t.false(names(open(t))?.includes('only_there'))
  t.is(interfaceIndex('only_there'), 0)
})

privileged('netlink: a request the kernel refuses, its words are in the log', t => {
  const netlink = open(t)

  const error = refused(t, 'EINVAL', () => {
    netlink.setNeighbour({ ifindex: near, address: '10.0.0.9', mac: '02:00:00:00:01' })
  })

  t.is(error.syscall, 'RTM_NEWNEIGH')
  t.regex(error.log, /[Ii]nvalid/)
  refused(t, 'ENODEV', () => {
    netlink.setNeighbour({ ifindex: 999, address: '10.0.0.9', mac: MAC })
  })
})

privileged('netlink: wrong arguments, each is EINVAL with a sentence', t => {
  const netlink = open(t)
  const set = netlink.setNeighbour.bind(netlink) as (options: unknown) => void
  const good = { ifindex: near, address: '10.0.0.9', mac: MAC }

  for (const wrong of [
    undefined,
    {},
    { ...good, ifindex: '2' },
    { ...good, address: '10.0.0' },
    { ...good, address: '10.0.0.9/24' },
    { ...good, mac: '02:00:00:00:00' + ':' },
    { ...good, mac: '02-00-00-00-00-01' },
    { ...good, mac: '2:0:0:0:0:1' },
    { ...good, mac: `${MAC}:`.repeat(6) },
    { ...good, state: 'reachable' },
    { ...good, managed: 1 },
    { ...good, use: 'yes' },
  ])
    t.regex(
      refused(t, 'EINVAL', () => {
        set(wrong)
      }).message,
      / must | is neither | is not like /,
      JSON.stringify(wrong),
    )
  const watch = netlink.watch.bind(netlink) as (onEvents: unknown) => void
  refused(t, 'EINVAL', () => {
    watch('function')
  })
  netlink.watch(() => undefined)
  refused(t, 'EBUSY', () => {
    netlink.watch(() => undefined)
  })
})
