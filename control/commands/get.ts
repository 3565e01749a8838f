/** `xlvs get [NAME..]`. */
import * as Args from '@oclif/core/args'
import { type Example, XlvsCommand } from '../bin/command.ts'
import { parseSettingName } from '../config/setting.ts'
import { SETTING_NAMES } from '../model/settings.ts'
import { settingsText } from '../output/settings.ts'

export default class Get extends XlvsCommand {
  static override summary = 'Show settings: their values, who set them, and whether they work.'
  static override strict = false
  static override args = {
    name: Args.string({
      description: 'setting, or several; all when it is left out',
      ignoreStdin: true,
    }),
  }
  static override examples: Example[] = [
    { description: 'See all settings.', command: 'xlvs get' },
    { description: 'See two of them.', command: 'xlvs get conn_reuse_mode udp_timeout_s' },
    { description: 'Hand one to a program.', command: 'xlvs get sync_threshold --json' },
  ]

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Get)
    const asked = [...new Set(argv.map(word => parseSettingName(String(word))))]
    const settings = await this.ask(flags, director => director.settings())
    const names = asked.length > 0 ? asked : SETTING_NAMES
    const views = names.map(name => [name, settings[name]] as const)
    this.print(flags, Object.fromEntries(views), () => settingsText(views))
  }
}
