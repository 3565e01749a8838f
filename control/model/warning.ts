/** What is not as it should be, short of an error. Imports nothing. */

/** `kind` is stable, for programs; `message` a sentence; `cure` one command that helps. */
export interface Warning {
  kind: string
  message: string
  cure: string
}
