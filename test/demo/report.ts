/**
 * What the demo saw, judged and laid out. Pure. Read next: main.ts.
 */
import { table } from '../../control/output/table.ts'

/** One dest of one service: what was configured, and what came of it. */
export interface Share {
  service: string
  fwd: string
  dest: string
  weight: number
  /** Requests its weight entitles it to. */
  expected: number
  /** Answers that carried its name. */
  answered: number
  /** Connections that xlvs counted for it. */
  counted: number
}

/** A sentence, and whether it was true. */
export interface Check {
  ok: boolean
  say: string
}

export interface Observed {
  seconds: number
  kernel: string
  /** Interfaces with their mode, as `xlvs show` has them at the end. */
  attached: { name: string; mode: string; present: boolean }[]
  shares: Share[]
  sent: number
  lost: number
  lostBecause: string[]
  /** Requests done when xlvsd was killed, when the next was started, when that one answered. */
  doneAt: { kill: number; restart: number; answering: number }
  /** How the killed xlvsd ended. */
  killedBy: string
  /** Connections listed just before the kill, and how many of those were listed at the end. */
  conns: { listed: number; beforeKill: number; kept: number }
}

/** Requests each dest of a round robin gets: equal shares among weights above 0. */
export function expectedShares(weights: readonly number[], requests: number): number[] {
  const usable = weights.filter(weight => weight > 0).length
  return weights.map(weight => (weight > 0 ? requests / usable : 0))
}

export function judge(o: Observed): Check[] {
  const shares = o.shares.every(share => share.answered === share.expected)
  const counted = o.shares.every(share => share.counted === share.answered)
  const native = o.attached.filter(({ mode, present }) => mode === 'native' && present)
  const gone = o.doneAt.restart - o.doneAt.kill
  const after = o.sent - o.doneAt.answering
  const names = native.map(({ name }) => name).join(' and ')
  return [
    { ok: native.length === 2, say: `native XDP is attached to ${names || 'nothing'}` },
    {
      ok: o.lost === 0 && o.sent > 0,
      say: `${o.sent} requests and datagrams were sent, ${o.lost} were lost`,
    },
    { ok: shares, say: 'every dest answered exactly its share' },
    { ok: counted, say: 'xlvs show counts what the client counted' },
    {
      ok: o.conns.listed === o.sent,
      say: `xlvs conns lists ${o.conns.listed} connections, one for each`,
    },
    {
      ok: o.killedBy === 'SIGKILL' && o.doneAt.kill > 0 && gone > 0,
      say: `xlvsd ended by ${o.killedBy} after ${o.doneAt.kill}; ${gone} were answered without it`,
    },
    {
      ok: o.conns.kept === o.conns.beforeKill && o.conns.beforeKill > 0,
      say: `a new xlvsd adopted ${o.conns.kept} of ${o.conns.beforeKill} connections`,
    },
    { ok: after > 0, say: `${after} were answered after it was back` },
  ]
}

/** The final page: the shares, then each check. */
export function page(o: Observed, checks: readonly Check[]): string {
  const columns = [
    { title: 'SERVICE' },
    { title: 'FWD' },
    { title: 'DEST' },
    { title: 'WEIGHT', align: 'right' },
    { title: 'EXPECTED', align: 'right' },
    { title: 'ANSWERED', align: 'right' },
    { title: 'COUNTED', align: 'right' },
    { title: '' },
  ] as const
  const rows = o.shares.map(s => [
    s.service,
    s.fwd,
    s.dest,
    `${s.weight}`,
    `${s.expected}`,
    `${s.answered}`,
    `${s.counted}`,
    s.answered === s.expected && s.counted === s.answered ? 'ok' : 'WRONG',
  ])
  const lines = checks.map(({ ok, say }) => `${ok ? 'ok   ' : 'FALSE'} ${say}`)
  const because = o.lostBecause.map(reason => `      lost: ${reason}`)
  const verdict = checks.every(({ ok }) => ok) ? 'All of it was true.' : 'Not all of it was true.'
  const end = `${verdict} Linux ${o.kernel}, ${o.seconds.toFixed(1)} s.`
  return [table(columns, rows), ...lines, ...because, '', end, ''].join('\n')
}

/** A listing cut to what fits beside the rest. */
export function excerpt(text: string, linesMax: number): string {
  const lines = text.trimEnd().split('\n')
  const rest = lines.length - linesMax
  return [
    ...lines.slice(0, linesMax),
    ...(rest > 0 ? [`... and ${rest} lines more`] : []),
    '',
  ].join('\n')
}
