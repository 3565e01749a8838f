/**
 * A configuration file from disk, or from standard input as `-`, checked. What is wrong with it is
 * one ConfigError. Read next: ../config/check.ts.
 */
import * as Args from '@oclif/core/args'
import { createReadStream } from 'node:fs'
import { checkConfiguration } from '../config/check.ts'
import { FILE_BYTES_MAX } from '../config/schema.ts'
import { ConfigError, XlvsError } from '../errors.ts'
import type { Configuration } from '../model/configuration.ts'

const CONFIGURATION = 'the configuration'
export const FILE_DEFAULT = '/etc/xlvs/lvs.yaml'

export const fileArg = Args.string({
  description: 'configuration file; - is standard input',
  default: FILE_DEFAULT,
  ignoreStdin: true,
})

/**
 * What a file says.
 * @throws CONFIG_UNREADABLE, CONFIG_TOO_LARGE; BAD_CONFIG, a ConfigError, with all its faults.
 */
export async function readConfiguration(
  file: string,
): Promise<{ configuration: Configuration; text: string }> {
  const text = await readText(file)
  const { configuration, faults } = checkConfiguration(text)
  if (faults.length > 0) throw new ConfigError(file, text, faults)
  return { configuration, text }
}

/**
 * A file's text.
 * @param what it is, in the sentence of an error
 * @throws CONFIG_UNREADABLE, CONFIG_TOO_LARGE
 */
export async function readText(file: string, what = CONFIGURATION): Promise<string> {
  const bytes = await readBytes(file, what)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw unreadable(`${what} ${file}`, 'it is not UTF-8', 'save it as UTF-8', cause)
  }
}

/** Never more than the limit, whatever the file is: a device, a pipe, a file that grows. */
async function readBytes(file: string, what: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    const stream = file === '-' ? process.stdin : createReadStream(file)
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > FILE_BYTES_MAX) throw tooLarge(`${what} ${file}`)
      chunks.push(chunk)
    }
  } catch (cause) {
    if (cause instanceof XlvsError) throw cause
    throw unreadable(`${what} ${file}`, whyNot(cause as NodeJS.ErrnoException), OTHER_FILE, cause)
  }
  return Buffer.concat(chunks)
}

const OTHER_FILE = 'name another file, or - for standard input'

function whyNot({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return 'there is no such file'
  return code === 'EISDIR' ? 'it is a folder' : message
}

function unreadable(file: string, why: string, hint: string, cause: unknown): XlvsError {
  const sentence = `${file} cannot be read: ${why}`
  return new XlvsError('CONFIG_UNREADABLE', sentence, hint, { cause })
}

function tooLarge(file: string): XlvsError {
  return new XlvsError(
    'CONFIG_TOO_LARGE',
    `${file} is too large: expected at most ${FILE_BYTES_MAX >> 20} MiB`,
    'divide it into several files: each owns what it names',
  )
}
