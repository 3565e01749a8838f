/** `xlvs version`. */
import { type Example, XlvsCommand } from '../bin/command.ts'

export default class Version extends XlvsCommand {
  static override summary = 'Show the versions of this command, the daemon, and what it runs on.'
  static override examples: Example[] = [
    { description: 'See whether command and daemon belong together.', command: 'xlvs version' },
    { description: 'Hand it to a program.', command: 'xlvs version --json' },
  ]

  async run(): Promise<void> {
    const { flags } = await this.parse(Version)
    const command = this.config.version
    const daemon = await this.ask(flags, director => director.version()).catch(
      (thrown: unknown) => {
        if (!flags.json) process.stdout.write(`xlvs ${command}\n`)
        throw thrown
      },
    )
    this.print(
      flags,
      { command, daemon },
      () =>
        `xlvs ${command}\n` +
        `daemon ${daemon.xlvs}, kernel ${daemon.kernel}, tables version ${daemon.abi}, ` +
        `XDP program ${daemon.programTag}\n`,
    )
  }
}
