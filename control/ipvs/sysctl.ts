/**
 * sysctl, for the settings of IPVS: net.ipv4.vs.NAME is read from the daemon and set there, all
 * else is the real sysctl's. Settings are written as the kernel takes them, one by one, and errors
 * are procps' own. Read next: sysctl_number.ts, ../config/setting.ts (the rules).
 * Source: src/sysctl.c (procps 4.0.2); test/cli/sysctl_lines.jsonl has what it was seen to print.
 */
import { connectDirector, type DirectorClient } from '../daemon/client.ts'
import { SOCKET_DEFAULT } from '../daemon/options.ts'
import { XlvsError } from '../errors.ts'
import { AUTO, ruleOf, SETTING_NAMES, type SettingName } from '../model/settings.ts'
import { kernelNumbers } from './sysctl_number.ts'
import { readWords, type Asked } from './sysctl_options.ts'
import { SYSCTL_SYSTEM, type SysctlSystem } from './sysctl_system.ts'

const FOLDER = 'net/ipv4/vs'
/** Names of the timeouts of ipvsadm --set, which the kernel has not as sysctls. */
const NOT_SYSCTLS: readonly string[] = ['tcp_timeout_s', 'tcp_fin_timeout_s', 'udp_timeout_s']
const NAMES = SETTING_NAMES.filter(name => !NOT_SYSCTLS.includes(name)).sort()

/** Runs sysctl with those words; resolves to its exit status. */
export async function main(
  words: readonly string[],
  system: SysctlSystem = SYSCTL_SYSTEM,
  socket: string = process.env['XLVS_SOCKET'] ?? SOCKET_DEFAULT,
): Promise<number> {
  const asked = readWords(words)
  if (!asked) return system.real(words)
  const director = connectDirector(socket, undefined, 'command')
  const run = new Run(asked, system, director)
  try {
    await run.all()
    return run.status
  } catch (error) {
    if (!(error instanceof XlvsError)) throw error
    system.complain(`sysctl: ${error.message}\n`)
    return 1
  } finally {
    director.close()
  }
}

/** A variable, or a line of a file: what is to be set, or shown when there is no value. */
interface Item {
  /** As written. */
  name: string
  value: string | undefined
}

class Run {
  status = 0
  readonly #asked: Asked
  readonly #system: SysctlSystem
  readonly #director: DirectorClient

  constructor(asked: Asked, system: SysctlSystem, director: DirectorClient) {
    this.#asked = asked
    this.#system = system
    this.#director = director
  }

  async all(): Promise<void> {
    const { everything, files, variables, writes } = this.#asked
    if (everything) {
      await this.#showEverything()
      return
    }
    for (const file of files) for (const item of this.#linesOf(file)) await this.#one(item)
    for (const variable of variables) {
      const item = itemOf(variable)
      if (writes && item.value === undefined)
        this.#fail('command line(0): invalid syntax, continuing...')
      else await this.#one(item)
    }
  }

  async #one(item: Item): Promise<void> {
    const path = pathOf(item.name)
    if (this.#asked.pattern && !this.#asked.pattern.test(path.replaceAll('/', '.'))) return
    if (path !== FOLDER && !path.startsWith(`${FOLDER}/`)) this.#leave(item)
    else if (item.value !== undefined) await this.#set(path, item.name, item.value)
    else await this.#show(path)
  }

  /** Not ours: the real sysctl's, with the same options. */
  #leave({ name, value }: Item): void {
    const variable = value === undefined ? name : `${name}=${value}`
    const status = this.#system.real([...this.#asked.options, variable])
    if (status !== 0) this.status = status
  }

  async #show(path: string): Promise<void> {
    const settings = await this.#values()
    const known = path === FOLDER || path === `${FOLDER}/` ? NAMES : NAMES.filter(isAt(path))
    if (known.length === 0) this.#missing(path)
    for (const name of known) this.#print(`${FOLDER}/${name}`, settings[name])
  }

  async #set(path: string, written: string, value: string): Promise<void> {
    const name = NAMES.find(isAt(path))
    if (!name) {
      this.#missing(path)
      return
    }
    try {
      const text = value === '' ? undefined : kernelText(name, value)
      if (text === undefined) throw new XlvsError('BAD_SETTING', 'not a number', 'give one')
      await this.#director.setSettings({ [name]: text })
      if (!this.#asked.quiet) this.#print(path, value)
    } catch (error) {
      if (!(error instanceof XlvsError) || error.code !== 'BAD_SETTING') throw error
      this.#fail(`setting key "${written}": Invalid argument`)
    }
  }

  /** The real one's list, with ours where they belong by the alphabet. */
  async #showEverything(): Promise<void> {
    const { status, out } = this.#system.realText(['-a'])
    this.status = status
    const settings = await this.#values()
    const mine = NAMES.map(name => `${FOLDER.replaceAll('/', '.')}.${name} = ${settings[name]}`)
    const others = out.split('\n').filter(line => line !== '' && !line.startsWith('net.ipv4.vs.'))
    const at = others.findIndex(line => line > 'net.ipv4.vs.')
    const split = at < 0 ? others.length : at
    for (const line of [...others.slice(0, split), ...mine, ...others.slice(split)]) {
      const [name = '', ...value] = line.split(' = ')
      if (this.#asked.pattern?.test(name) !== false) this.#print(name, value.join(' = '))
    }
  }

  async #values(): Promise<Record<SettingName, string>> {
    const settings = await this.#director.settings()
    const entries = SETTING_NAMES.map(name => [name, this.#kernelValue(name, settings)] as const)
    return Object.fromEntries(entries) as Record<SettingName, string>
  }

  #kernelValue(
    name: SettingName,
    settings: Awaited<ReturnType<DirectorClient['settings']>>,
  ): string {
    const value = settings[name].mode ?? settings[name].value
    if (value === AUTO) return this.#system.hostValue(name)
    return ruleOf(name).kind === 'pair' ? String(value).replace(' ', '\t') : String(value)
  }

  #print(path: string, value: string): void {
    const { names, values, binary } = this.#asked
    const name = path.replaceAll('/', '.')
    const text = names ? name : values || binary ? value : `${name} = ${value}`
    this.#system.print(binary && !names ? text : `${text}\n`)
  }

  #linesOf(file: string): Item[] {
    const text = this.#system.readFile(file)
    if (text === undefined) {
      this.#fail(`cannot open "${file}": No such file or directory`)
      return []
    }
    return text.split('\n').flatMap((line, i) => {
      const plain = line.trim()
      if (plain === '' || /^[#;]/.test(plain)) return []
      const item = itemOf(plain.replace(/^-\s*/, ''))
      if (item.value !== undefined) return [item]
      this.#system.complain(`sysctl: ${file}(${i + 1}): invalid syntax, continuing...\n`)
      return []
    })
  }

  #missing(path: string): void {
    if (this.#asked.ignores) return
    this.#fail(`cannot stat /proc/sys/${path}: No such file or directory`)
  }

  #fail(sentence: string): void {
    this.#system.complain(`sysctl: ${sentence}\n`)
    this.status = 1
  }
}

function isAt(path: string): (name: SettingName) => boolean {
  return name => path === `${FOLDER}/${name}`
}

function itemOf(text: string): Item {
  const at = text.indexOf('=')
  if (at < 0) return { name: text.trim(), value: undefined }
  return { name: text.slice(0, at).trim(), value: text.slice(at + 1).trim() }
}

/** The separator that comes first separates; the other is a letter, and stands for the first. */
export function pathOf(name: string): string {
  if (/[./]/.exec(name)?.[0] !== '.') return name
  return name.replace(/[./]/g, letter => (letter === '.' ? '/' : '.'))
}

/** What the kernel takes a text for, written plainly; undefined where it takes it for nothing. */
export function kernelText(name: SettingName, text: string): string | undefined {
  const { kind } = ruleOf(name)
  if (kind === 'cpus') return text.trim()
  if (kind === 'ulong' && text.trim().startsWith('-')) return undefined
  return kernelNumbers(text, kind === 'pair' ? 2 : 1)?.join(' ')
}
