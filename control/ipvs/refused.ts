/** With what the kernel's IPVS would refuse a program: an errno, by name. Read next: errno.ts. */
import { XlvsError } from '../errors.ts'
import { ERRNO_NUMBER, type ErrnoName } from './abi.ts'
import { ERRNO } from './errno.ts'

export class KernelError extends Error {
  readonly errno: ErrnoName

  constructor(errno: ErrnoName) {
    super(errno)
    this.errno = errno
  }
}

export function refusedWith(errno: ErrnoName): KernelError {
  return new KernelError(errno)
}

/** The number for whatever went wrong; what the kernel knows nothing of is EINVAL or EIO. */
export function errnoNumber(error: unknown): number {
  if (error instanceof KernelError) return ERRNO_NUMBER[error.errno]
  if (!(error instanceof XlvsError)) return ERRNO_NUMBER.EIO
  if (error.cause instanceof KernelError) return ERRNO_NUMBER[error.cause.errno]
  const known = ERRNO[error.code]
  if (known) return ERRNO_NUMBER[known]
  return error.code.startsWith('BAD_') ? ERRNO_NUMBER.EINVAL : ERRNO_NUMBER.EIO
}
