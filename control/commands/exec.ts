/** `xlvs exec -- PROGRAM`: it finds IPVS in xlvsd, unmodified. Read next: ../ipvs/exec.ts. */
import { type Example, XlvsCommand } from '../bin/command.ts'
import { XlvsError } from '../errors.ts'

export default class Exec extends XlvsCommand {
  static override summary = "Run a program that speaks to the kernel's IPVS; it finds xlvsd."
  static override description =
    'The program is not changed: ipvsadm, keepalived and whatever else uses generic netlink, ' +
    'socket options or /proc/net/ip_vs. It takes the place of this command: process, signals and ' +
    'exit status are its own. All it starts finds xlvsd too. It needs CAP_NET_ADMIN, as for IPVS.'
  static override strict = false
  static override usage = ['exec [--socket PATH] -- PROGRAM [ARGS]']
  static override examples: Example[] = [
    { description: 'List services by the real ipvsadm.', command: 'xlvs exec -- ipvsadm -Ln' },
    { description: 'See what a file says then.', command: 'xlvs exec -- cat /proc/net/ip_vs' },
  ]

  async run(): Promise<void> {
    const words = [...this.argv]
    const dashes = words.indexOf('--')
    if (dashes < 0 || dashes === words.length - 1)
      throw new XlvsError(
        'BAD_USAGE',
        'xlvs exec takes a program behind --',
        'name it, as in xlvs exec -- keepalived -n',
      )
    const { flags } = await this.parse(Exec, words.slice(0, dashes))
    const { execute } = await import('../ipvs/exec.ts')
    await execute(words.slice(dashes + 1), flags.socket)
  }
}
