/**
 * sysctl's words: its options, and the variables and files that they speak of. Pure.
 * Read next: sysctl.ts. Source: src/sysctl.c (procps 4.0.2), its getopt_long() string.
 */

export interface Asked {
  everything: boolean
  /** Files to read settings from. */
  files: string[]
  variables: string[]
  /** Those that the real sysctl is given too. */
  options: string[]
  pattern: RegExp | undefined
  names: boolean
  values: boolean
  binary: boolean
  ignores: boolean
  quiet: boolean
  writes: boolean
}

const LONG: Record<string, string> = {
  all: 'a',
  binary: 'b',
  ignore: 'e',
  names: 'N',
  values: 'n',
  load: 'p',
  pattern: 'r',
  quiet: 'q',
  write: 'w',
}
const FILE_DEFAULT = '/etc/sysctl.conf'

/** What the words ask for; undefined when it has nothing to do with IPVS' settings. */
export function readWords(words: readonly string[]): Asked | undefined {
  const letters = new Set<string>()
  const variables: string[] = []
  let [pattern, file] = ['', '']
  const rest = [...words]
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '-' || !word.startsWith('-')) {
      variables.push(word)
      continue
    }
    const option = /^--([a-z]+)(?:=(.*))?$/s.exec(word)
    const long = option ? LONG[option[1] ?? ''] : undefined
    if (option && long === undefined) return undefined
    const group = long ?? word.slice(1)
    for (let i = 0; i < group.length; i++) {
      const letter = group.charAt(i)
      if (!/[aAXbeNnpfrqwox]/.test(letter)) return undefined
      const glued = option ? option[2] : group.slice(i + 1) || undefined
      letters.add(letter)
      if (letter === 'r') pattern = glued ?? rest.shift() ?? ''
      if (/[pf]/.test(letter)) file = glued ?? ''
      if (/[rpf]/.test(letter)) break
    }
  }
  const has = (some: string): boolean => [...some].some(letter => letters.has(letter))
  const loads = has('pf')
  const files = !loads ? [] : file !== '' ? [file] : variables.splice(0)
  const asked: Asked = {
    everything: has('aAX'),
    files: loads && files.length === 0 ? [FILE_DEFAULT] : files,
    variables,
    options: ['b', 'e', 'N', 'n', 'q', 'w'].filter(has).map(letter => `-${letter}`),
    pattern: pattern === '' ? undefined : new RegExp(pattern),
    ...{ names: has('N'), values: has('n'), binary: has('b') },
    ...{ ignores: has('e'), quiet: has('q'), writes: has('w') },
  }
  const ours = variables.some(word => /^net[./]ipv4[./]vs\b/.test(word))
  return asked.everything || loads || ours ? asked : undefined
}
