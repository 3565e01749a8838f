/**
 * The text of lvs.yaml to what it says, or to everything that is wrong with it, each error with its
 * place. The way back is print.ts. Pure. Read next: parse.ts (YAML), dest_line.ts (one-liners).
 */
import { type ErrorCode, type Fault, XlvsError } from '../errors.ts'
import { emptyConfiguration, type Configuration } from '../model/configuration.ts'
import { markMatchText, type MarkRule } from '../model/mark.ts'
import {
  destName,
  isMark,
  serviceName,
  type AttachMode,
  type Dest,
  type Service,
  type ServiceId,
} from '../model/service.ts'
import { SETTING_NAMES, type SettingName } from '../model/settings.ts'
import { destLine, wordsOf, type Words } from './dest_line.ts'
import { MarkLineError, parseMarkRule } from './mark_line.ts'
import { parseInterface, parseServiceName } from './name.ts'
import { canonicalService } from './nouns.ts'
import { Source, type Entry, type YamlNode } from './parse.ts'
import { badMode, shown } from './refusal.ts'
import { parseSetting } from './setting.ts'
import { MODE_DEFAULT, MODES, SERVICE_KEYS, TOP_KEYS } from './schema.ts'
import { readServiceSettings, type Names } from './service_keys.ts'
import { readSync } from './sync_keys.ts'

export interface Checked {
  /** What the text says; of no use when there are faults. */
  configuration: Configuration
  /** In the order of the text, the first hundred. */
  faults: Fault[]
}

/** Reads a configuration; nothing is thrown for what the text says. */
export function checkConfiguration(text: string): Checked {
  const source = new Source(text)
  const configuration = emptyConfiguration()
  if (!source.isFaulty) {
    const entries = source.mapping(source.root, 'the file', TOP_KEYS.join(', '))
    const top = source.known(entries, 'the file', TOP_KEYS)
    readSettings(source, valueOf(top, 'settings'), configuration)
    readInterfaces(source, valueOf(top, 'interfaces'), configuration)
    const sync = readSync(source, valueOf(top, 'sync'))
    if (sync) configuration.sync = sync
    readMarks(source, valueOf(top, 'marks'), configuration)
    readServices(source, valueOf(top, 'services'), configuration)
  }
  return { configuration, faults: source.faults() }
}

function valueOf(entries: Map<string, Entry>, key: string): YamlNode {
  return entries.get(key)?.value ?? null
}

function readSettings(source: Source, node: YamlNode, into: Configuration): void {
  const entries = source.mapping(node, 'settings', SETTING_NAMES.join(', '))
  for (const [name, { value }] of source.known(entries, 'settings', SETTING_NAMES)) {
    const text = source.text(value, name, `${name}: 60`)
    const setting = name as SettingName
    if (text === undefined) continue
    source.attempt(value, () => (into.settings[setting] = parseSetting(setting, text)))
  }
}

function readInterfaces(source: Source, node: YamlNode, into: Configuration): void {
  const seen = new Map<string, { keyNode: YamlNode }>()
  for (const item of source.list(node, 'interfaces', 'eth0')) {
    const [first, second, third] = wordsOf(item.text)
    const name = first?.text ?? ''
    const mode = second?.text ?? MODE_DEFAULT
    const wrong = (code: ErrorCode): Words | undefined =>
      code === 'BAD_MODE' ? second : code === 'UNKNOWN_KEY' ? third : first
    const read = (): { name: string; mode: AttachMode } => {
      parseInterface(name)
      if (!isMode(mode)) throw badMode(mode)
      if (third) throw tooMuch(third.text)
      return { name, mode }
    }
    const line = source.attempt(item.node, read, wrong)
    if (!line || !source.isFirst(seen, name, item.node, `the interface ${name}`)) continue
    seen.set(name, { keyNode: item.node })
    into.interfaces.push(line)
  }
}

function readMarks(source: Source, node: YamlNode, into: Configuration): void {
  const seen = new Map<string, { keyNode: YamlNode }>()
  const rules: MarkRule[] = []
  for (const item of source.list(node, 'marks', 'tcp to 192.0.2.1 port 80 mark 7')) {
    try {
      const rule = parseMarkRule(item.text)
      const name = markMatchText(rule)
      if (!source.isFirst(seen, name, item.node, `the mark rule ${name}`)) continue
      seen.set(name, { keyNode: item.node })
      rules.push(rule)
    } catch (error) {
      if (!(error instanceof XlvsError)) throw error
      source.faultAt(item.node, error, error instanceof MarkLineError ? error.words : undefined)
    }
  }
  if (rules.length > 0) into.marks = rules
}

function tooMuch(word: string): XlvsError {
  const sentence = `${shown(word)} is too much: expected an interface, then native or generic`
  return new XlvsError('UNKNOWN_KEY', sentence, 'remove it')
}

function isMode(word: string): word is AttachMode {
  return MODES.some(mode => mode === word)
}

interface Seen {
  services: Map<string, { keyNode: YamlNode }>
  names: Names
}

function readServices(source: Source, node: YamlNode, into: Configuration): void {
  const seen: Seen = { services: new Map(), names: new Map() }
  for (const entry of source.mapping(node, 'services', 'services', EXAMPLE)) {
    const id = readServiceId(source, entry, seen)
    const settings = source.known(
      source.mapping(entry.value, entry.key, SERVICE_KEYS.join(', ')),
      entry.key,
      SERVICE_KEYS,
    )
    const given = readServiceSettings(source, settings, id, seen.names)
    const service: Service = { ...(id ?? NAMELESS), ...given }
    const wrong = settings.get(ruleKey(service))?.value ?? entry.keyNode
    const kept = id && source.attempt(wrong, () => canonicalService(service))
    const dests = readDests(source, valueOf(settings, 'dests'), id)
    into.services.push({ ...(kept ?? service), dests })
  }
}

/** The key that a rule between several of them is about: the service's own, or this. */
function ruleKey(service: Service): string {
  const lacksPersistence = !isMark(service) && service.port === 0 && !service.persistentS
  return lacksPersistence ? '' : 'one_packet'
}

const EXAMPLE = 'tcp 192.0.2.1:80: {scheduler: rr}'

/** Dests of a service whose name is wrong are looked at all the same. */
const NAMELESS: ServiceId = { protocol: 'tcp', address: '', port: 0 }

function readServiceId(source: Source, { key, keyNode }: Entry, seen: Seen): ServiceId | undefined {
  const spelled = key.trim().replace(/\s+/, ':')
  const id = source.attempt(
    keyNode,
    () => parseServiceName(spelled),
    code => partOfName(key, code),
  )
  if (!id) return undefined
  const name = serviceName(id)
  if (source.isFirst(seen.services, name, keyNode, `the service ${name}`))
    seen.services.set(name, { keyNode })
  return id
}

function readDests(source: Source, node: YamlNode, service: ServiceId | undefined): Dest[] {
  const seen = new Map<string, { keyNode: YamlNode }>()
  return source.list(node, 'dests', 'nat 10.0.0.2:8080').flatMap(item => {
    const line = destLine(item.text, service)
    for (const { error, words } of line.faults) source.faultAt(item.node, error, words)
    const { dest } = line
    if (!dest) return []
    const what = `the dest ${destName(dest)}`
    if (!source.isFirst(seen, destName(dest), item.node, what)) return []
    seen.set(destName(dest), { keyNode: item.node })
    return [dest]
  })
}

/** The piece of `tcp 192.0.2.1:80` that an error is about. */
function partOfName(text: string, code: ErrorCode): Words | undefined {
  const mark = wordsOf(text)[1]
  if (code === 'BAD_MARK' && mark) return mark
  const parts = /^(\s*)([^\s:]*)([\s:]+)(.*):([^:]*)$/.exec(text)
  if (!parts) return undefined
  const [, blank = '', protocol = '', gap = '', address = '', port = ''] = parts
  const start = blank.length
  const middle = start + protocol.length + gap.length
  if (code === 'BAD_PROTOCOL') return { at: start, length: protocol.length }
  if (code === 'BAD_ADDRESS') return { at: middle, length: address.length }
  if (code === 'BAD_PORT') return { at: middle + address.length + 1, length: port.length }
  return undefined
}
