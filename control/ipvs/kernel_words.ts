/**
 * What ipvsadm prints for an errno of the kernel. Pure. Read next: errno.ts.
 * Source: ipvsadm libipvs.c (v1.31), ipvs_strerror(); strerror(3).
 */
import type { Errno } from './errno.ts'
import type { Request } from './grammar.ts'

type Command = Request['command']

const BY_COMMAND: [command: RegExp, words: Partial<Record<Errno, string>>][] = [
  [
    /^(add|edit|delete)-service$|^zero$|^list$/,
    {
      EEXIST: 'Service already exists',
      ESRCH: 'No such service',
      ENOENT: 'Scheduler or persistence engine not found',
    },
  ],
  [
    /-server$/,
    {
      EEXIST: 'Destination already exists',
      ESRCH: 'Service not defined',
      ENOENT: 'No such destination',
    },
  ],
  [/^(start|stop)-daemon$/, { EEXIST: 'Daemon has already run', ESRCH: 'No daemon is running' }],
]

const BY_ERRNO: Record<Errno, string> = {
  EPERM: 'Permission denied (you must be root)',
  EINVAL: 'Invalid operation.  Possibly wrong module version, address not unicast, ...',
  ENOPROTOOPT: 'Protocol not available',
  ENOMEM: 'Memory allocation problem',
  EOPNOTSUPP: 'Operation not supported with IPv6',
  EAFNOSUPPORT: 'Operation not supported with specified address family',
  EMSGSIZE: 'Module is wrong version',
  ENOENT: 'No such file or directory',
  ESRCH: 'No such process',
  EEXIST: 'File exists',
  ENODEV: 'No such device',
  ENETUNREACH: 'Network is unreachable',
  ERANGE: 'Numerical result out of range',
}

/** The words for an errno of that command. */
export function kernelWords(errno: Errno, command: Command): string {
  const table = BY_COMMAND.find(([commands]) => commands.test(command))?.[1]
  return table?.[errno] ?? BY_ERRNO[errno]
}
