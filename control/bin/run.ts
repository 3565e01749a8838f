/**
 * Runs an xlvs command, and says in our words what oclif would refuse in its own. A command that
 * the words name is loaded alone; the whole of oclif, which loads all of them, is only for help and
 * for words that name none. Exit 0 done, 1 tried and failed, 2 asked wrongly.
 * Read next: command.ts.
 */
import type { Command } from '@oclif/core/command'
import { Config } from '@oclif/core/config'
import { CLIError, ExitError } from '@oclif/core/errors'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nearest } from '../config/nearest.ts'
import { XlvsError } from '../errors.ts'
import { asXlvsError, errorJson, errorText } from '../output/error.ts'
import { styleFor } from '../output/style.ts'
import { inOurWords } from './refusal.ts'

const SELF = fileURLToPath(import.meta.url)
const COMMANDS = join(dirname(SELF), '..', 'commands')
const ROOT = join(dirname(SELF), '..', '..')

/** No plugins: oclif would look for them in the home folder of whoever runs this. */
const ALONE = { userPlugins: false, devPlugins: false }

/** Runs the command that `words` are; sets the exit status. */
export async function run(words: string[]): Promise<void> {
  try {
    const given = withDefault(commandFirst(words))
    const named = given.some(isHelp) ? undefined : findCommand(given)
    await (named ? runOne(named) : runOclif(given))
  } catch (thrown) {
    if (thrown instanceof ExitError) process.exitCode = thrown.oclif.exit ?? 0
    else report(asOurs(thrown, words), words)
  }
}

/** `xlvs` alone, or with flags only, is `xlvs show`. */
function withDefault(words: string[]): string[] {
  const [first] = words
  const general = first !== undefined && (isHelp(first) || first === '--version')
  return first === undefined || (first.startsWith('-') && !general) ? ['show', ...words] : words
}

/** Flags that every command has may stand before it. */
function commandFirst(words: string[]): string[] {
  const flags: string[] = []
  const rest = [...words]
  for (let word = rest[0]; word !== undefined && GENERAL.test(word); word = rest[0])
    flags.push(...rest.splice(0, word === '--socket' ? 2 : 1))
  const named = findCommand(rest)
  if (!named) return rest[0]?.startsWith('-') === false ? [...rest, ...flags] : words
  return [...named.name.split(' '), ...flags, ...named.args]
}

const GENERAL = /^(--json|--debug|--socket(=.*)?)$/

function isHelp(word: string): boolean {
  return word === '--help' || word === '-h'
}

interface Named {
  /** As typed: service add. */
  name: string
  file: string
  args: string[]
}

/** The path is the command: `service add` is commands/service/add.ts. */
function findCommand(words: readonly string[]): Named | undefined {
  for (const length of [2, 1]) {
    const path = words.slice(0, length)
    if (path.length < length || !path.every(word => /^[a-z]+$/.test(word))) continue
    const file = join(COMMANDS, ...path) + extname(SELF)
    if (existsSync(file)) return { name: path.join(' '), file, args: words.slice(length) }
  }
  return undefined
}

async function runOne({ file, args }: Named): Promise<void> {
  const text = readFileSync(join(ROOT, 'package.json'), 'utf8')
  const pjson = JSON.parse(text) as Config['pjson']
  delete pjson.oclif.commands // so that it does not load them all
  const config = await Config.load({ ...ALONE, root: ROOT, pjson })
  const loaded = (await import(file)) as { default: typeof Command & { new (): Command } }
  await loaded.default.run(args, config)
}

async function runOclif(words: string[]): Promise<void> {
  const config = await Config.load({ ...ALONE, root: ROOT })
  const known = config.commandIDs.map(id => id.replaceAll(':', ' '))
  const { run: runCommand } = await import('@oclif/core/run')
  try {
    await runCommand(
      words.map(word => (isHelp(word) ? '--help' : word)),
      config,
    )
  } catch (thrown) {
    if (!/^command .+ not found/i.test((thrown as Error).message)) throw thrown
    throw unknownCommand(
      words.filter(word => word !== 'help' && !word.startsWith('-')),
      [...known, ...TOPICS],
    )
  }
}

/** What commands of two words begin with, and what is told apart before oclif is asked. */
const TOPICS = ['ipvsadm', 'service', 'dest', 'sync', 'mark']

/** The words that were to be a command: two where they are near one, or the first is a topic. */
function unknownCommand(
  [first = '', second = '']: readonly string[],
  known: readonly string[],
): XlvsError {
  const two = `${first} ${second}`.trim()
  const ofTopic = known.filter(id => id.startsWith(`${first} `)).map(id => id.split(' ')[1])
  const guess = nearest(two, known)
  const name = guess !== undefined || ofTopic.length > 0 ? two : first
  const near = guess ?? nearest(name, known)
  return new XlvsError(
    'UNKNOWN_COMMAND',
    `${name} is not a command of xlvs`,
    near === undefined ? listed(first, ofTopic) : `did you mean xlvs ${near}?`,
  )
}

function listed(topic: string, commands: readonly (string | undefined)[]): string {
  if (commands.length === 0) return 'see the commands with xlvs --help'
  return `xlvs ${topic} has ${commands.join(', ')}; see xlvs ${topic} --help`
}

function asOurs(thrown: unknown, words: readonly string[]): XlvsError {
  if (!(thrown instanceof CLIError)) return asXlvsError(thrown)
  return inOurWords(thrown, findCommand(words)?.name ?? 'show')
}

function report(error: XlvsError, words: string[]): void {
  process.exitCode = error.exitStatus
  if (words.includes('--json')) process.stdout.write(errorJson(error))
  else {
    const style = styleFor(process.stderr.isTTY, process.env)
    process.stderr.write(errorText(error, style, words.includes('--debug')))
  }
}
