/** What the kernel answers, and ipvsadm's words for it; all rows were asked of Linux 6.1. */
import test from 'ava'
import { errnoOf, type Errno, type Found } from '../../../control/ipvs/errno.ts'
import { parseLine } from '../../../control/ipvs/grammar.ts'
import { kernelWords } from '../../../control/ipvs/kernel_words.ts'
import { dest, service } from '../../support/views.ts'

const LOOKUPS = { portOf: () => undefined, addressOf: () => undefined }
const SERVICES = [
  service({ address: '10.0.0.1', dests: [dest({ address: '10.0.0.2' })] }),
  service({ address: 'fd01::1' }),
]
const MIXED = [service({ dests: [dest({ address: 'fd01::2', fwd: 'tun' })] })]
const ALONE: Found = { services: SERVICES, daemons: [] }
const SYNCED: Found = { services: SERVICES, daemons: ['master'] }

for (const [line, found, errno] of [
  ['-A -t 10.0.0.1:80 -s nosuch', ALONE, 'EEXIST'],
  ['-A -t 10.0.0.1:81 -s nosuch', ALONE, 'ENOENT'],
  ['-A -t 10.0.0.1:81 --pe nosuch', ALONE, 'ENOENT'],
  ['-A -t 10.0.0.1:81', ALONE, undefined],
  ['-E -t 10.0.0.1:81 -s nosuch', ALONE, 'ESRCH'],
  ['-E -t 10.0.0.1:80 -s nosuch', ALONE, 'ENOENT'],
  ['-D -t 10.0.0.1:81', ALONE, 'ESRCH'],
  ['-Z -f 7', ALONE, 'ESRCH'],
  ['-Z', ALONE, undefined],
  ['-a -t 10.0.0.1:81 -r 10.0.0.2 -x 5 -y 6', ALONE, 'ESRCH'],
  ['-a -t 10.0.0.1:80 -r 10.0.0.2 -x 5 -y 6', ALONE, 'ERANGE'],
  ['-a -t 10.0.0.1:80 -r 10.0.0.2 -y 6', ALONE, 'ERANGE'],
  ['-a -t 10.0.0.1:80 -r 10.0.0.2', ALONE, 'EEXIST'],
  ['-a -t 10.0.0.1:80 -r fd01::2 -i', ALONE, undefined],
  ['-a -t 10.0.0.1:80 -r fd01::2 -i -y 6', SYNCED, 'EINVAL'],
  ['-e -t 10.0.0.1:80 -r 224.0.0.1', ALONE, 'ENOENT'],
  ['-e -t 10.0.0.1:80 -r 10.0.0.9 -y 6', ALONE, 'ERANGE'],
  ['-e -t 10.0.0.1:80 -r 10.0.0.2', ALONE, undefined],
  ['-d -t 10.0.0.1:81 -r 10.0.0.2', ALONE, 'ESRCH'],
  ['-d -t 10.0.0.1:80 -r 10.0.0.9', ALONE, 'ENOENT'],
  ['--start-daemon master', SYNCED, 'EEXIST'],
  ['--start-daemon backup', SYNCED, undefined],
  ['--start-daemon backup', { services: MIXED, daemons: [] }, 'EINVAL'],
  ['--stop-daemon master', SYNCED, undefined],
  ['--stop-daemon backup', SYNCED, 'ESRCH'],
  ['-C', ALONE, undefined],
] as const satisfies [string, Found, Errno | undefined][])
  test(`errno: ${line} with ${found.daemons.length} daemons, then ${errno}`, t => {
    const request = parseLine(line.split(' '), 'ipvsadm', LOOKUPS)

    t.is(errnoOf(request, found), errno)
  })

for (const [errno, command, words] of [
  ['ESRCH', 'delete-service', 'No such service'],
  ['ESRCH', 'list', 'No such service'],
  ['ESRCH', 'add-server', 'Service not defined'],
  ['ESRCH', 'stop-daemon', 'No daemon is running'],
  ['EEXIST', 'add-service', 'Service already exists'],
  ['EEXIST', 'add-server', 'Destination already exists'],
  ['EEXIST', 'start-daemon', 'Daemon has already run'],
  ['ENOENT', 'edit-service', 'Scheduler or persistence engine not found'],
  ['ENOENT', 'delete-server', 'No such destination'],
  ['ENODEV', 'start-daemon', 'No such device'],
  ['ERANGE', 'edit-server', 'Numerical result out of range'],
  ['EPERM', 'flush', 'Permission denied (you must be root)'],
  ['ENOMEM', 'add-service', 'Memory allocation problem'],
] as const)
  test(`kernel words: ${errno} of ${command}, then ${words}`, t => {
    t.is(kernelWords(errno, command), words)
  })
