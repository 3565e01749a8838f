/**
 * The daemon's log: one JSON object a line on standard output, constant messages, variable fields.
 * journald, or whoever reads the daemon, keeps and rotates it.
 */
import { pino, type DestinationStream, type Logger } from 'pino'
import type { LogLevel } from './options.ts'

/** A logger of that level; `stream` is for tests. */
export function createLog(level: LogLevel, stream?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
  }
  return stream ? pino(options, stream) : pino(options)
}
