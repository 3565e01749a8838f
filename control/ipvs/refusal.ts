/**
 * What ends or fails an ipvsadm line: its message and exit status, and whether it ends a whole -R
 * run or only its line.
 */

/** A line that was not, or could not be, carried out. */
export class Refusal extends Error {
  readonly exitStatus: number
  /** false: with -R the next line is still tried. */
  readonly endsRun: boolean

  constructor(message: string, exitStatus: number, endsRun: boolean) {
    super(message)
    this.exitStatus = exitStatus
    this.endsRun = endsRun
  }
}

/** ipvsadm's fail(2, ...): asked wrongly. */
export function wrong(message: string): Refusal {
  return new Refusal(message, 2, true)
}

/** ipvsadm's tryhelp_exit(): not even a command. */
export function tryHelp(program: string): Refusal {
  const text = `Try \`${program} -h' or '${program} --help' for more information.`
  return new Refusal(text, 255, true)
}

/** What the kernel refuses, or popt cannot read. */
export function refused(message: string): Refusal {
  return new Refusal(message, 255, false)
}
