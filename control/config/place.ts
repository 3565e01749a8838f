/**
 * Where in lvs.yaml stands what the daemon refused. The text is read again for it, as that is rare.
 * Pure. Read next: check.ts, whose errors look the same.
 */
import { ConfigError, XlvsError, type About } from '../errors.ts'
import { destName, portOfService, serviceName, type ServiceId } from '../model/service.ts'
import { markMatchText } from '../model/mark.ts'
import { parseMarkRule } from './mark_line.ts'
import { parseDestName, parseServiceName } from './name.ts'
import { Source, type Entry, type YamlNode } from './parse.ts'

/** The error with its places in the file; as it was, when the file has none of what it is about. */
export function placed(file: string, text: string, error: XlvsError): XlvsError {
  const source = new Source(text)
  for (const about of error.about) {
    const found = find(source, about)
    const told = new XlvsError(error.code, about.message ?? error.message, error.hint)
    if (found) source.faultAt(found.node, told, found.words)
  }
  const faults = source.faults()
  return faults.length === 0 ? error : new ConfigError(file, text, faults, error)
}

interface Found {
  node: YamlNode
  words?: { at: number; length: number }
}

function find(source: Source, { what, name, service }: About): Found | undefined {
  const part = (key: string): YamlNode => valueOf(source, source.root, key)
  if (what === 'setting') return { node: valueOf(source, part('settings'), name) }
  if (what === 'daemon') {
    const found = source.mapping(part('sync'), '', '').find(entry => entry.key === name)
    return found && { node: found.keyNode }
  }
  if (what === 'mark') {
    const isIt = (line: string): boolean =>
      orNone(() => markMatchText(parseMarkRule(line))) === name
    return findItem(source, part('marks'), line =>
      isIt(line) ? { at: 0, length: line.length } : undefined,
    )
  }
  if (what === 'interface')
    return findItem(source, part('interfaces'), text => wordAt(text, 0, word => word === name))
  const wanted = what === 'service' ? name : service
  for (const entry of source.mapping(part('services'), '', '')) {
    const id = orNone(() => parseServiceName(entry.key.trim().replace(/\s+/, ':')))
    if (!id || serviceName(id) !== wanted) continue
    return what === 'service' ? { node: entry.keyNode } : findDest(source, entry, id, name)
  }
  return undefined
}

function findDest(
  source: Source,
  { value }: Entry,
  service: ServiceId,
  name: string,
): Found | undefined {
  const isIt = (word: string): boolean => {
    const dest = orNone(() => parseDestName(word, portOfService(service)))
    return dest !== undefined && destName(dest) === name
  }
  return findItem(source, valueOf(source, value, 'dests'), text => wordAt(text, 1, isIt))
}

function valueOf(source: Source, node: YamlNode, key: string): YamlNode {
  return source.mapping(node, '', '').find(entry => entry.key === key)?.value ?? null
}

function findItem(
  source: Source,
  node: YamlNode,
  wordsIn: (text: string) => Found['words'],
): Found | undefined {
  for (const item of source.list(node, '', '')) {
    const words = wordsIn(item.text)
    if (words) return { node: item.node, words }
  }
  return undefined
}

/** Where the nth word of a line is, when it is the one. */
function wordAt(text: string, n: number, isIt: (word: string) => boolean): Found['words'] {
  const found = [...text.matchAll(/\S+/g)][n]
  return found && isIt(found[0]) ? { at: found.index, length: found[0].length } : undefined
}

function orNone<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
