/** `xlvs version`. */
import { type Example, XlvsCommand } from '../bin/command.ts'
import { saysNobody } from '../daemon/client.ts'
import { XlvsError } from '../errors.ts'

export default class Version extends XlvsCommand {
  static override summary = 'Show the versions of this command, the daemon, and what it runs on.'
  static override examples: Example[] = [
    { description: 'See whether command and daemon belong together.', command: 'xlvs version' },
    { description: 'Hand it to a program.', command: 'xlvs version --json' },
  ]

  async run(): Promise<void> {
    const { flags } = await this.parse(Version)
    const command = this.config.version
    const answer = await this.ask(flags, director => director.version()).catch(
      (thrown: unknown) => {
        if (isAbsence(thrown)) return thrown
        if (!flags.json) process.stdout.write(`xlvs ${command}\n`)
        throw thrown
      },
    )
    if (answer instanceof XlvsError) {
      const warning = { kind: 'no-daemon', message: answer.message, cure: answer.hint }
      const text = `xlvs ${command}\nno daemon answers\n`
      this.printDone(flags, { command, daemon: null }, text, [warning])
      return
    }
    const { xlvs, kernel, abi, programTag } = answer
    this.print(
      flags,
      { command, daemon: answer },
      () =>
        `xlvs ${command}\n` +
        `daemon ${xlvs}, kernel ${kernel}, tables version ${abi}, XDP program ${programTag}\n`,
    )
  }
}

/** That there is no daemon is no failure here: the command's own version is known. */
function isAbsence(thrown: unknown): thrown is XlvsError {
  return thrown instanceof XlvsError && thrown.code === 'SOCKET_REFUSED' && saysNobody(thrown.cause)
}
