/** Which rules of the INPUT firewall name a service, as nft and iptables-save write them. */
import test, { type ExecutionContext } from 'ava'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { firewallWarnings, iptablesRules, nftRules } from '../../../control/dataplane/firewall.ts'
import type { AddressServiceId } from '../../../control/model/service.ts'

const SERVICES: AddressServiceId[] = [
  { protocol: 'tcp', address: '192.0.2.1', port: 80 },
  { protocol: 'udp', address: '2001:db8::1', port: 53 },
]

const IPTABLES: [rule: string, named: boolean][] = [
  ['-A INPUT -d 192.0.2.1/32 -j DROP', true],
  ['-A INPUT -d 192.0.2.0/24 -p tcp -m tcp --dport 80 -j ACCEPT', true],
  ['-A INPUT -p tcp -m multiport --dports 22,80:90 -j ACCEPT', true],
  ['-A INPUT ! -d 192.0.2.1/32 -p tcp -m tcp --dport 80 -j DROP', false],
  ['-A INPUT ! -d 192.0.2.9/32 -p tcp -m tcp --dport 80 -j DROP', true],
  ['-A INPUT ! -d 192.0.2.9/32 -j DROP', false],
  ['-A INPUT -d 192.0.2.2/32 -p tcp -m tcp --dport 80 -j DROP', false],
  ['-A INPUT -p udp -m udp --dport 80 -j DROP', false],
  ['-A INPUT -p tcp -m tcp --sport 80 -j DROP', false],
  ['-A INPUT -p tcp -j DROP', false],
  ['-A OUTPUT -d 192.0.2.1/32 -j DROP', false],
  ['-A web -d 192.0.2.1/32 -j DROP', true],
  ['-A unused -d 192.0.2.1/32 -j DROP', false],
]

for (const [rule, named] of IPTABLES)
  test(`firewall: ${rule}, it ${named ? 'names' : 'does not name'} a service`, t => {
    const save = `*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -i eth0 -j web\n${rule}\nCOMMIT\n`

    const found = iptablesRules('iptables', save, SERVICES)

    const cure = `iptables -t filter ${rule.replace('-A', '-D')}`
    t.deepEqual(
      found.map(f => [f.service, f.cure]),
      named ? [['tcp:192.0.2.1:80', cure]] : [],
    )
  })

test('firewall: a rule of ip6tables, it names the service of IPv6', t => {
  const save = '*filter\n-A INPUT -d 2001:db8::/64 -p udp -m udp --dport 53 -j DROP\nCOMMIT\n'

  const [found] = iptablesRules('ip6tables', save, SERVICES)

  t.is(found?.service, 'udp:[2001:db8::1]:53')
})

const payload = (protocol: string, field: string) => ({ payload: { protocol, field } })
const match = (left: unknown, right: unknown, op = '==') => ({ match: { op, left, right } })
const DADDR = payload('ip', 'daddr')
const DPORT = payload('tcp', 'dport')
const DROP = { drop: null }

const NFT: [what: string, expr: unknown[], named: boolean][] = [
  ['its address', [match(DADDR, '192.0.2.1'), DROP], true],
  ['a prefix', [match(DADDR, { prefix: { addr: '192.0.2.0', len: 24 } }), DROP], true],
  ['a range', [match(DADDR, { range: ['192.0.2.0', '192.0.2.9'] }), DROP], true],
  ['its port', [match(DPORT, 80), { accept: null }], true],
  ['a set of ports', [match(DPORT, { set: [22, { range: [79, 81] }] }), DROP], true],
  ['a named set', [match(DADDR, '@vips'), DROP], true],
  ['a verdict map of ports', [{ vmap: { key: DPORT, data: { set: [[80, DROP]] } } }], true],
  ['any transport at its port', [match(payload('th', 'dport'), 80), DROP], true],
  [
    'one protocol at its port',
    [match({ meta: { key: 'l4proto' } }, 'udp'), match(payload('th', 'dport'), 80), DROP],
    false,
  ],
  ['another address', [match(DADDR, '192.0.2.2'), match(DPORT, 80), DROP], false],
  ['every address but its own', [match(DADDR, '192.0.2.1', '!='), match(DPORT, 80), DROP], false],
  ['another protocol', [match(payload('udp', 'dport'), 80), DROP], false],
  ['a state', [match({ ct: { key: 'state' } }, { set: ['new'] }), DROP], false],
  ['nothing', [DROP], false],
]

/** A ruleset with one rule in a chain, and another chain that the first jumps to. */
function ruleset(expr: unknown[], chain: string, base: string): string {
  const inet = { family: 'inet', table: 'filter' }
  return JSON.stringify({
    nftables: [
      { metainfo: {} },
      { chain: { ...inet, name: base, hook: 'input', prio: 0 } },
      { chain: { ...inet, name: 'out', hook: 'output' } },
      { set: { ...inet, name: 'vips', elem: ['192.0.2.7', { elem: { val: '192.0.2.1' } }] } },
      { rule: { ...inet, chain: base, handle: 4, expr: [{ jump: { target: 'web' } }] } },
      { rule: { ...inet, chain, handle: 7, expr } },
    ],
  })
}

for (const [what, expr, named] of NFT)
  test(`firewall: a rule of nft for ${what}, it ${named ? 'names' : 'does not name'} it`, t => {
    const found = nftRules(ruleset(expr, 'in', 'in'), SERVICES, false)

    t.deepEqual(
      found.map(f => [f.service, f.cure]),
      named ? [['tcp:192.0.2.1:80', 'nft delete rule inet filter in handle 7']] : [],
    )
  })

test('firewall: rules in other chains, those count that INPUT reaches', t => {
  const expr = [match(DADDR, '192.0.2.1'), DROP]
  const count = (chain: string) => nftRules(ruleset(expr, chain, 'in'), SERVICES, false).length

  t.deepEqual([count('in'), count('web'), count('out'), count('elsewhere')], [1, 1, 0, 0])
})

test('firewall: the chain INPUT of iptables-nft, it is told once', t => {
  const json = ruleset([match(DADDR, '192.0.2.1'), DROP], 'INPUT', 'INPUT')

  t.is(nftRules(json, SERVICES, true).length, 0)
  t.is(nftRules(json, SERVICES, false).length, 1)
})

test('firewall: no answer or half of one, then no rules', t => {
  t.deepEqual(nftRules('', SERVICES, false), [])
  t.deepEqual(nftRules('{"nftables": [', SERVICES, false), [])
  t.deepEqual(iptablesRules('iptables', '', SERVICES), [])
})

/** A PATH with programs that are these shell scripts, and nothing but the shell besides. */
function programs(t: ExecutionContext, scripts: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'xlvs-test-'))
  t.teardown(() => {
    rmSync(folder, { recursive: true })
  })
  for (const [name, script] of Object.entries(scripts))
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  return folder
}

const RULE = '-A INPUT -d 192.0.2.1/32 -j DROP'

test('firewall: programs that answer, a warning for each rule and its cure', async t => {
  const nft = ruleset([match(DADDR, '192.0.2.1'), DROP], 'in', 'in')
  const path = programs(t, {
    nft: `[ "$*" = "-j list ruleset" ] && echo '${nft}'`,
    'iptables-save': `echo '*filter'; echo '${RULE}'`,
  })

  const warnings = await firewallWarnings(SERVICES, path)

  t.deepEqual(
    warnings.map(({ kind, cure }) => [kind, cure]),
    [
      ['input-firewall', 'iptables -t filter -D INPUT -d 192.0.2.1/32 -j DROP'],
      ['input-firewall', 'nft delete rule inet filter in handle 7'],
    ],
  )
  t.regex(warnings[0]?.message ?? '', /^the rule of iptables .* names tcp:192\.0\.2\.1:80, but/)
})

test('firewall: many rules, the first are told and the rest counted', async t => {
  const path = programs(t, { 'iptables-save': `echo '*filter'\n${`echo '${RULE}'\n`.repeat(9)}` })

  const warnings = await firewallWarnings(SERVICES, path)

  t.is(warnings.length, 6)
  t.regex(warnings[5]?.message ?? '', /^4 more rules/)
})

test('firewall: programs that are missing, fail or never answer, then no warnings', async t => {
  const path = programs(t, {
    nft: 'exit 1',
    'iptables-save': `echo '*filter'; echo '${RULE}'; read -r x < /dev/zero`,
  })

  t.deepEqual(await firewallWarnings(SERVICES, path), [])
  t.deepEqual(await firewallWarnings([], path), [])
})
