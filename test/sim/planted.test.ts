/**
 * The simulation finds errors: each row is one, planted into a copy of the model's rules, and
 * random lives must come to differ. An error of the program looks the same from there. XLVS_SEED
 * repeats a run. Read next: ipvs.test.ts.
 */
import test from 'ava'
import { freshSeed, randomFrom } from '../support/random.ts'
import { live } from './life.ts'
import { RULES, type Direction, type Rules, type State } from './rules.ts'
import type { Asked, Candidate, Turn } from './schedulers.ts'

/** The secret of the connection table's hash. */
const KEY = Array.from({ length: 16 }, (_, i) => 0x9e3779b1 + 2 * i)
/** Most are found within 2000 steps; so many are a life. */
const STEPS = 20_000
const LIVES = 25

/** The rules with another next state in a row of the TCP table. */
function cell(row: `${Direction} ${string}`, from: number, to: State): Partial<Rules> {
  const cells = [...(RULES.next.get(row) ?? [])]
  cells[from] = to
  return { next: new Map([...RULES.next, [row, cells]]) }
}

const [ES, SR] = [1, 3]
const PLANTED: [what: string, rules: Partial<Rules>][] = [
  ['a FIN of the client leads to FIN_WAIT', cell('input fin', ES, 'FW')],
  ['a SYN of the dest leaves SYN_RECV', cell('output syn', SR, 'ES')],
  ['a FIN by DR leads to CLOSE_WAIT', cell('input-only fin', ES, 'CW')],
  ['SYN before RST', { event: flags => (flags & 2 ? 'syn' : RULES.event(flags)) }],
  ['SYN_RECV lasts a second more', { timeoutS: { ...RULES.timeoutS, SR: 61 } }],
  ['FIN_WAIT counts as active', { active: new Set<State>([...RULES.active, 'FW']) }],
  ['a RST may begin a connection', { mayStart: (_, flags) => (flags & 2) !== 0 }],
  ['a SYN in TIME_WAIT goes on', { isReused: (e, set) => e.state !== 'TW' && reused(e, set) }],
  ['DR forgets that it saw no reply', { hasNoOutput: fwd => fwd === 'tun' }],
  ['the oldest of a reply key answers', { answering: entries => entries[0] }],
  ['port 0 is a port like others', { isFound: () => true }],
  ['port 21 is not scheduled', { ftpDataPort: 21 }],
  ['127.0.0.0/8 may be a source', { isMartian: s => s.bytes[0] !== 127 && RULES.isMartian(s) }],
  ['240.0.0.0/4 may not', { isMartian: s => s.bytes[0] === 240 || RULES.isMartian(s) }],
  ['a hop suffices to be sent on', { hopsMin: 1 }],
  ['errors quote four bytes more', { quoteMax: { v4: 552, v6: 1236 } }],
  ['errors keep all of the TOS', { errorTos: tos => 0xc0 | tos }],
  ['own errors do not count as replies', { isErrorCounted: () => false }],
  ['parameter problem is translated', { isIcmpError: type => type !== 128 && type !== 8 }],
  ['congestion shows outside of tunnels', { outerTos: tos => tos }],
  ['a tunnel leaves 1200 bytes to IPv6', { innerMin: { v4: 68, v6: 1200 } }],
  [
    'rr takes the newest',
    { pick: { ...RULES.pick, rr: turn => turn.list.find(d => d.weight > 0) } },
  ],
  ['wlc looks at active ones only', { pick: { ...RULES.pick, wlc: byActive } }],
  ['sh knows no flags', { pick: { ...RULES.pick, sh: (t, a) => sh({ ...t, flags: none }, a) } }],
  ['mh forgets the last weight', { pick: { ...RULES.pick, mh: (t, a) => mh(byWeight(t), a) } }],
  ['dh looks at usable ones only', { pick: { ...RULES.pick, dh: (t, a) => dh(ofUsable(t), a) } }],
  ['maglev knows no ports', { pick: { ...RULES.pick, maglev: noPort } }],
  ['a template goes on for 61 s', { templateAgainS: 61 }],
  ['quiesced dests lose their templates', { keeps: dest => dest.isThere && dest.weight > 0 }],
  ['templates of removed dests stay', { keeps: () => true }],
  [
    'each port has a template',
    { templateKey: (a, of) => templateKey(a, { ...of, port: a.dport }) },
  ],
  ['all of an address counts', { templateKey: (a, of) => templateKey(a, { ...of, mask: '' }) }],
  ['marks are in no template', { templateKey: (a, of) => templateKey(a, { ...of, mark: 0 }) }],
  ['datagrams are not', { isOnce: () => false }],
  ['any port is translated', { portAtDest: (dport, destPort) => destPort || dport }],
  ['a template keeps none from reuse', { isReused: (e, set) => reused({ ...e, ...free }, set) }],
  ['the first mark rule says it', { markOf: (all, p) => RULES.markOf(all.toReversed(), p) }],
]

const reused = RULES.isReused.bind(RULES)
const { templateKey } = RULES
const { dh, sh, mh, maglev } = RULES.pick
const none = new Set<string>()
const free = { control: undefined }

function byWeight<D extends Candidate>(turn: Turn<D>): Turn<D> {
  return { ...turn, list: turn.list.filter(d => d.weight > 0) }
}

function ofUsable<D extends Candidate>(turn: Turn<D>): Turn<D> {
  return { ...turn, list: turn.list.filter(d => d.weight > 0 && !d.isOverloaded) }
}

function noPort<D extends Candidate>(turn: Turn<D>, asked: Asked): D | undefined {
  return maglev({ ...turn, flags: none }, asked)
}

function byActive<D extends { weight: number; active: number }>({ list }: { list: D[] }) {
  const usable = list.filter(d => d.weight > 0)
  const [first, ...others] = usable
  if (!first) return undefined
  return others.reduce((a, b) => (a.active * b.weight > b.active * a.weight ? b : a), first)
}

for (const [what, planted] of PLANTED)
  test.serial(`planted: ${what}, it is found`, async t => {
    const seed = freshSeed()
    const random = randomFrom(seed)
    // One secret for all, so that they share a kernel.
    const options = { rules: { ...RULES, ...planted }, key: KEY }
    let steps = 0

    for (let life = 0; life < LIVES; life++) {
      const lived = await live(random(2 ** 31), STEPS, options)
      steps += lived.steps
      if (!lived.fault) continue
      t.log(`after ${steps} steps`)
      t.pass()
      return
    }

    t.fail(`XLVS_SEED=${seed}: not found in ${steps} steps`)
  })
