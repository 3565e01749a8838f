/**
 * What the demo saw, judged and laid out. Pure. Read next: story.ts (who saw it).
 */
import { table } from '../../control/output/table.ts'
import { type Stretch, sum } from './requests.ts'

/** One service: what was asked of it, and what came of it. */
export interface Way {
  service: string
  fwd: string
  families: string
  /** Answers to requests with a connection of their own, by server. */
  answered: number[]
  /** Connections that were kept alive. */
  kept: number
  lost: number
  /** Connections that xlvs counted, by server. */
  counted: number[]
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
  servers: string[]
  sent: number
  lost: number
  lostBecause: string[]
  ways: Way[]
  /** Before anything happened. */
  first: Stretch
  server: {
    name: string
    quiesced: Stretch
    /** Its connections in the state ESTABLISHED when it was killed. */
    established: number
    dead: Stretch
    back: Stretch
  }
  forgotten: {
    stretch: Stretch
    neighbours: number
    /** Those that have a MAC address again. */
    known: number
    /** Packets that the kernel sent because the next hop was not known. */
    packets: number
  }
  upgrade: {
    stretch: Stretch
    /** How the killed xlvsd ended. */
    killedBy: string
    /** Requests done when it was killed, the next started, that one answered, and at the end. */
    at: { kill: number; restart: number; answering: number; end: number }
    /** Of the XDP programs on the director's interfaces. */
    tags: { before: string[]; after: string[] }
    /** Connections listed just before the kill, and those of them that were so at the end. */
    conns: { before: number; kept: number }
  }
  /** Connections kept alive while neighbours were forgotten and xlvsd was upgraded. */
  kept: { conns: number; requests: number; mixed: number }
}

export function judge(o: Observed): Check[] {
  return [...requestChecks(o), ...serverChecks(o), ...networkChecks(o), ...upgradeChecks(o)]
}

function requestChecks({ attached, sent, lost, first, servers, ways }: Observed): Check[] {
  const native = attached.filter(({ mode, present }) => mode === 'native' && present)
  const names = native.map(({ name }) => name).join(' and ')
  const third = first.sent / (ways.length * servers.length)
  const fair = first.answers.every(answers => servers.every(name => answers[name] === third))
  const made = sum(ways.map(madeOf))
  const counted = sum(ways.map(way => sum(way.counted)))
  return [
    { ok: native.length === 2, say: `native XDP is attached to ${names || 'nothing'}` },
    {
      ok: lost === 0 && sent > 0,
      say: `${sent} requests to ${ways.length} services, ${lost} were lost`,
    },
    {
      ok: fair && third > 0,
      say: `of the first ${first.sent}, each server answered an equal share for each service`,
    },
    {
      ok: ways.every(isCounted) && made > 0,
      say: `the clients made ${made} connections, xlvs show counts ${counted}`,
    },
  ]
}

function serverChecks({ server, servers }: Observed): Check[] {
  const { name, quiesced, established, dead, back } = server
  const dying = sum(dead.answers.map(answers => answers[name] ?? 0))
  const others = servers.filter(other => other !== name)
  const fair = dead.answers.every(answers => {
    const shares = others.map(other => answers[other] ?? 0)
    return Math.max(...shares) - Math.min(...shares) <= 1
  })
  const returned = back.answers.map(answers => answers[name] ?? 0)
  return [
    {
      ok: established === 0 && quiesced.lost === 0,
      say:
        `${name}, quiesced, had ${established} established connections left, ` + lostIn(quiesced),
    },
    {
      ok: dead.sent > 0 && dead.lost === 0 && dying === 0 && fair,
      say:
        `it was killed, and answered ${dying} of ${dead.sent} requests; the others shared them ` +
        `equally, ${lostIn(dead)}`,
    },
    {
      ok: returned.every(n => n > 0) && back.lost === 0,
      say: `it came back and answered ${sum(returned)} of ${back.sent}, ${lostIn(back)}`,
    },
  ]
}

function networkChecks({ forgotten }: Observed): Check[] {
  const { neighbours, known, packets, stretch } = forgotten
  return [
    {
      ok: neighbours > 0 && known === neighbours && stretch.lost === 0,
      say:
        `${neighbours} neighbours were forgotten, ${known} are known again: the kernel sent ` +
        `${packets} packets meanwhile, ${lostIn(stretch)}`,
    },
  ]
}

function upgradeChecks({ upgrade, kept }: Observed): Check[] {
  const { stretch, killedBy, at, tags, conns } = upgrade
  const gone = at.restart - at.kill
  const after = at.end - at.answering
  const changed = tags.after.every((tag, i) => tag !== tags.before[i])
  const text = (some: string[]) => [...new Set(some)].join(' and ')
  const one = new Set(tags.after).size === 1
  return [
    {
      ok: killedBy === 'SIGKILL' && gone > 0,
      say: `xlvsd ended by ${killedBy}, and ${gone} requests were answered without it`,
    },
    {
      ok: changed && one && stretch.lost === 0,
      say: `the program ${text(tags.before)} became ${text(tags.after)}, ${lostIn(stretch)}`,
    },
    {
      ok: conns.kept === conns.before && conns.before > 0,
      say: `the new xlvsd adopted ${conns.kept} of ${conns.before} connections`,
    },
    {
      ok: kept.mixed === 0 && kept.conns > 0 && kept.requests > kept.conns,
      say:
        `${kept.conns} connections were kept alive for ${kept.requests} requests, ` +
        `${kept.mixed} changed servers`,
    },
    { ok: after > 0, say: `${after} requests were answered after the upgrade` },
  ]
}

function lostIn({ lost }: Stretch): string {
  return `${lost} lost`
}

/** Connections of its clients. */
function madeOf(way: Way): number {
  return sum(way.answered) + way.kept
}

/** Kept-alive connections are counted once, where they are. */
function isCounted(way: Way): boolean {
  const more = way.counted.map((n, i) => n - (way.answered[i] ?? 0))
  return way.lost === 0 && more.every(n => n >= 0) && sum(more) === way.kept
}

/** The final page: a line for each service, then each check. */
export function page(o: Observed, checks: readonly Check[]): string {
  const columns = [
    { title: 'SERVICE' },
    { title: 'FWD' },
    { title: 'FAMILY' },
    ...o.servers.map(name => ({ title: name.toUpperCase(), align: 'right' as const })),
    { title: 'KEPT', align: 'right' },
    { title: 'LOST', align: 'right' },
    { title: 'COUNTED', align: 'right' },
    { title: '' },
  ] as const
  const rows = o.ways.map(way => [
    way.service,
    way.fwd,
    way.families,
    ...way.answered.map(String),
    `${way.kept}`,
    `${way.lost}`,
    `${sum(way.counted)}`,
    isCounted(way) ? 'ok' : 'WRONG',
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
