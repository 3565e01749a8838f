/**
 * Recorded sessions of Debian's ipvsadm as text that people read and extend. A scenario starts on
 * an empty table, its commands run one after the other:
 *
 *   # a comment, before the scenario it is about
 *   == name of the scenario
 *   $ ipvsadm -R            a command, split as a shell would: blanks, '...', "..."
 *   < -A -t 10.0.0.1:80     a line of its standard input
 *   | a line of standard output
 *   ! a line of standard error
 *   \ the line before had no newline at its end
 *   ? 255                   exit status, when not 0
 *
 * To add one, write its `==` and `$` lines and run `make record`. Read next: record.ts, replay.ts.
 */

export interface Ran {
  status: number
  out: string
  err: string
}

export interface Step {
  /** As it is written. */
  command: string
  words: string[]
  input: string
  recorded: Ran
}

export interface Scenario {
  name: string
  /** Comment lines in front, without `# `. */
  comments: string[]
  steps: Step[]
}

const KINDS = { '<': 'input', '|': 'out', '!': 'err' } as const
type Text = 'input' | 'out' | 'err'

/** @throws Error naming the line that is no line of a transcript */
export function parseTranscript(text: string): Scenario[] {
  const scenarios: Scenario[] = []
  let comments: string[] = []
  let step: Step | undefined
  let last: Text = 'out'
  const append = (kind: Text, added: (old: string) => string): void => {
    if (!step) throw new Error(`no command before it`)
    last = kind
    if (kind === 'input') step.input = added(step.input)
    else step.recorded[kind] = added(step.recorded[kind])
  }
  const read = (line: string): void => {
    const [mark = ''] = line
    const rest = line.slice(2)
    if (line.startsWith('== ')) {
      scenarios.push({ name: line.slice(3), comments, steps: [] })
      comments = []
    } else if (mark === '$') {
      step = stepOf(rest)
      scenarios.at(-1)?.steps.push(step)
    } else if (mark === '<' || mark === '|' || mark === '!')
      append(KINDS[mark], old => `${old}${rest}\n`)
    else if (mark === '\\') append(last, old => old.slice(0, -1))
    else if (mark === '?' && step) step.recorded.status = Number(rest)
    else if (mark === '#') comments.push(rest)
    else if (line !== '') throw new Error('it begins with none of == $ < | ! \\ ? #')
  }
  text.split('\n').forEach((line, i) => {
    try {
      read(line)
    } catch (error) {
      throw new Error(`line ${i + 1}, ${JSON.stringify(line)}: ${String(error)}`, { cause: error })
    }
  })
  return scenarios
}

/** A command that has not been recorded yet. */
export function stepOf(command: string, input = ''): Step {
  return { command, words: splitWords(command), input, recorded: { status: 0, out: '', err: '' } }
}

export function printTranscript(scenarios: readonly Scenario[]): string {
  return scenarios.map(printScenario).join('\n')
}

function printScenario({ name, comments, steps }: Scenario): string {
  const head = [...comments.map(comment => `# ${comment}`.trimEnd()), `== ${name}`]
  return `${[...head, ...steps.flatMap(printStep)].join('\n')}\n`
}

function printStep({ command, input, recorded: { out, err, status } }: Step): string[] {
  return [
    `$ ${command}`,
    ...marked('<', input),
    ...marked('|', out),
    ...marked('!', err),
    ...(status === 0 ? [] : [`? ${status}`]),
  ]
}

function marked(mark: string, text: string): string[] {
  if (text === '') return []
  const lines = text.split('\n')
  const open = lines.pop() !== ''
  if (open) lines.push(text.slice(text.lastIndexOf('\n') + 1))
  return [...lines.map(line => (line === '' ? mark : `${mark} ${line}`)), ...(open ? ['\\'] : [])]
}

/** Words of a command: blanks part them, quotes of either kind keep them together. */
export function splitWords(command: string): string[] {
  const words = command.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? []
  return words.map(word => word.replace(/'([^']*)'|"([^"]*)"/g, '$1$2'))
}

/** A word as splitWords, and a shell, take it for one. */
export function quoted(word: string): string {
  if (/^[\w.:,=@%+/-]+$/.test(word)) return word
  return word.includes("'") ? `"${word}"` : `'${word}'`
}
