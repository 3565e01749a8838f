/** `xlvs set NAME=VALUE..`. */
import * as Args from '@oclif/core/args'
import { type Example, XlvsCommand } from '../bin/command.ts'
import { parseSettingName } from '../config/setting.ts'
import { shown } from '../config/refusal.ts'
import { XlvsError } from '../errors.ts'
import type { SettingName } from '../model/settings.ts'
import { valueText } from '../output/settings.ts'

/** A value of no setting: the default again, and nobody's. */
const DEFAULT = 'default'

export default class Set extends XlvsCommand {
  static override summary = 'Change settings: all that are named, or none where one is refused.'
  static override description =
    "They take effect at once, save those that `xlvs get` says have no effect. 'default' as a " +
    'value takes back what was set.'
  static override strict = false
  static override args = {
    setting: Args.string({
      description: 'NAME=VALUE, or several',
      required: true,
      ignoreStdin: true,
    }),
  }
  static override examples: Example[] = [
    {
      description: 'Let connections of UDP rest for a minute only.',
      command: 'xlvs set udp_timeout_s=60',
    },
    {
      description: 'Change two at once.',
      command: 'xlvs set conn_reuse_mode=0 pmtu_disc=0',
    },
    { description: 'Go back to the default.', command: 'xlvs set udp_timeout_s=default' },
  ]

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Set)
    const given = readSettings(argv.map(String))
    const [settings, warnings] = await this.ask(flags, async director => {
      const warnings = await director.setSettings(given)
      return [await director.settings(), warnings] as const
    })
    const values = (Object.keys(given) as SettingName[]).map(
      name => [name, settings[name].value] as const,
    )
    const text = values.map(([name, value]) => `${name} is ${valueText(value)}\n`).join('')
    this.printDone(flags, { settings: Object.fromEntries(values) }, text, warnings)
  }
}

/** @throws BAD_USAGE, UNKNOWN_SETTING */
function readSettings(words: readonly string[]): Record<string, string | null> {
  const given = new Map<string, string | null>()
  for (const word of words) {
    const at = word.indexOf('=')
    if (at < 0) throw usage(`${shown(word)} is not NAME=VALUE`, 'write it like udp_timeout_s=60')
    const name = parseSettingName(word.slice(0, at))
    if (given.has(name)) throw usage(`${name} is given twice`, 'give it once')
    const value = word.slice(at + 1)
    given.set(name, value === DEFAULT ? null : value)
  }
  return Object.fromEntries(given)
}

function usage(sentence: string, hint: string): XlvsError {
  return new XlvsError('BAD_USAGE', sentence, hint)
}
