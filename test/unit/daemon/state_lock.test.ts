/** One daemon a journal folder. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { lockState } from '../../../control/daemon/state_lock.ts'

function folder(t: ExecutionContext): string {
  const made = mkdtempSync(join(tmpdir(), 'xlvs-lock-'))
  t.teardown(() => {
    rmSync(made, { recursive: true })
  })
  return made
}

test('state: nobody has it, it is taken and given back', t => {
  const state = join(folder(t), 'state')

  const unlock = lockState(state)
  const owner = readFileSync(join(state, 'owner'), 'utf8')
  unlock()

  t.is(owner, `${process.pid}\n`)
  t.deepEqual(readdirSync(state), [])
})

test('state: a living daemon has it, the second is refused and leaves it', async t => {
  const state = folder(t)
  const other = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000)'])
  t.teardown(() => other.kill('SIGKILL'))
  await once(other, 'spawn')
  writeFileSync(join(state, 'owner'), `${other.pid}\n`)

  const error = t.throws(() => lockState(state), { code: 'STATE_IN_USE' })

  t.regex(error.message, new RegExp(`belongs to process ${other.pid}`))
  t.is(readFileSync(join(state, 'owner'), 'utf8'), `${other.pid}\n`)
})

for (const [whose, text] of [
  ['of a process that is gone', '4194305\n'],
  ['of another program', '1\n'],
  ['that is empty', ''],
] as const)
  test(`state: an owner ${whose}, it is taken over`, t => {
    const state = folder(t)
    writeFileSync(join(state, 'owner'), text)

    lockState(state)

    t.is(readFileSync(join(state, 'owner'), 'utf8'), `${process.pid}\n`)
  })

test('state: the folder cannot be made, the sentence names it', t => {
  const file = join(folder(t), 'file')
  writeFileSync(file, '')

  const error = t.throws(() => lockState(join(file, 'state')), { code: 'JOURNAL_WRITE' })

  t.regex(error.message, /file\/state cannot be taken: /)
  t.true(existsSync(file))
})
