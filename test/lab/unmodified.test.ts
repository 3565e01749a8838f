/** A program by the library lives on while xlvsd is killed, and what it was told is done is. */
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { labFor } from '../support/lab.ts'
import { waitFor } from '../support/namespace.ts'
import { privileged } from '../support/privileged.ts'

const LIBRARY = join(import.meta.dirname, '../../build/libxlvs-ipvs.so')
const ROUNDS = 3
const DESTS = 20
const WAIT_MS = 90_000

privileged(
  'unmodified: xlvsd killed under a running ipvsadm -R, it waits and all is there after it',
  async t => {
    t.timeout(180_000)
    const lab = await labFor(t, { servers: 1 })
    await lab.startDaemon()
    const socket = join(dirname(lab.places.socket), 'xlvs-ipvs.sock')
    const env = ['env', `LD_PRELOAD=${LIBRARY}`, `XLVS_IPVS_SOCKET=${socket}`]
    const program = lab.director.start([...env, 'ipvsadm', '-R'], {
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    const ended = once(program, 'exit')
    const countDests = async () => (await lab.show())[0]?.dests.length
    program.stdin?.write('-A -t 192.0.2.1:80 -s rr\n')
    const found: (number | undefined)[] = []

    for (let round = 1; round <= ROUNDS; round++) {
      const line = (_: unknown, i: number) => `-a -t 192.0.2.1:80 -r 10.1.${round}.${i + 1}:80 -m\n`
      program.stdin?.write(Array.from({ length: DESTS }, line).join(''))
      if (round > 1) await lab.startDaemon()
      await waitFor('its changes', async () => (await countDests()) === round * DESTS, WAIT_MS)
      await lab.stopDaemon('SIGKILL')
      await lab.startDaemon()
      found.push(await countDests())
      await lab.stopDaemon('SIGKILL')
    }
    await lab.startDaemon()
    program.stdin?.end()

    t.deepEqual(found, [DESTS, 2 * DESTS, 3 * DESTS])
    t.is((await ended)[0], 0)
  },
)
