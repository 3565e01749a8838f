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
const FOUND: Found = { services: SERVICES }

for (const [line, errno] of [
  ['-A -t 10.0.0.1:80 -s nosuch', 'EEXIST'],
  ['-A -t 10.0.0.1:81 -s nosuch', 'ENOENT'],
  ['-A -t 10.0.0.1:81 --pe nosuch', 'ENOENT'],
  ['-A -t 10.0.0.1:81', undefined],
  ['-E -t 10.0.0.1:81 -s nosuch', 'ESRCH'],
  ['-E -t 10.0.0.1:80 -s nosuch', 'ENOENT'],
  ['-D -t 10.0.0.1:81', 'ESRCH'],
  ['-Z -f 7', 'ESRCH'],
  ['-Z', undefined],
  ['-a -t 10.0.0.1:81 -r 10.0.0.2 -x 5 -y 6', 'ESRCH'],
  ['-a -t 10.0.0.1:80 -r 10.0.0.2 -x 5 -y 6', 'ERANGE'],
  ['-a -t 10.0.0.1:80 -r 10.0.0.2 -y 6', 'ERANGE'],
  ['-a -t 10.0.0.1:80 -r 10.0.0.2', 'EEXIST'],
  ['-a -t 10.0.0.1:80 -r fd01::2 -i', undefined],
  ['-e -t 10.0.0.1:80 -r 224.0.0.1', 'ENOENT'],
  ['-e -t 10.0.0.1:80 -r 10.0.0.9 -y 6', 'ERANGE'],
  ['-e -t 10.0.0.1:80 -r 10.0.0.2', undefined],
  ['-d -t 10.0.0.1:81 -r 10.0.0.2', 'ESRCH'],
  ['-d -t 10.0.0.1:80 -r 10.0.0.9', 'ENOENT'],
  ['-C', undefined],
] as const satisfies [string, Errno | undefined][])
  test(`errno: ${line}, then ${errno}`, t => {
    const request = parseLine(line.split(' '), 'ipvsadm', LOOKUPS)

    t.is(errnoOf(request, FOUND), errno)
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
