/** Attaching interfaces: what can be seen beforehand, and all or none. Read next: director.ts. */
import type { Logger } from 'pino'
import type { LinkInfo } from '../../addon/index.ts'
import { adoptLink, attach, detach, pinnedLinks, refuseAttached } from '../dataplane/attach.ts'
import type { Dataplane } from '../dataplane/dataplane.ts'
import type { Watch } from '../dataplane/watch.ts'
import { XlvsError } from '../errors.ts'
import type { AttachMode } from '../model/service.ts'
import type { Doctor } from './doctor.ts'

/** The interface as it is now. @throws INTERFACE_MISSING. */
export function linkNow(watch: Pick<Watch, 'linkNow' | 'linkNames'>, name: string): LinkInfo {
  const link = watch.linkNow(name)
  if (link) return link
  throw new XlvsError(
    'INTERFACE_MISSING',
    `there is no interface ${name}`,
    `the interfaces here are: ${watch.linkNames().join(', ')}`,
  )
}

/** What of the director is asked beforehand. */
interface Parts {
  dataplane: Dataplane
  watch: Watch
  doctor?: Doctor
}

/** @throws INTERFACE_MISSING, INTERFACE_ATTACHED, FOREIGN_PROGRAM and those of the doctor. */
export function refuseAttach(parts: Parts, names: readonly string[], mode: AttachMode): void {
  for (const name of names)
    aboutInterface(name, () => {
      refuseAttached(parts.dataplane.kernel, linkNow(parts.watch, name))
      parts.doctor?.refuse(name, mode)
    })
}

/** What `act` does; its error says which interface it is about. */
export function aboutInterface<T>(name: string, act: () => T): T {
  try {
    return act()
  } catch (cause) {
    if (!(cause instanceof XlvsError)) throw cause
    const { code, message, hint } = cause
    throw new XlvsError(code, message, hint, { cause, about: [{ what: 'interface', name }] })
  }
}

/** Acts on each; when one fails, undoes the earlier ones and throws what that one threw. */
export async function allOrNone(
  names: readonly string[],
  act: (name: string) => Promise<void>,
  undo: (name: string) => Promise<void>,
): Promise<void> {
  const done: string[] = []
  try {
    for (const name of names) {
      await act(name)
      done.unshift(name)
    }
  } catch (error) {
    for (const name of done) await undo(name)
    throw error
  }
}

/** Puts the program (back) on every interface that should have it and is there. */
export function adoptInterfaces(
  { dataplane, watch, log }: Parts & { log: Logger },
  interfaces: Readonly<Record<string, AttachMode>>,
): void {
  for (const name of pinnedLinks(dataplane.kernel))
    if (!Object.hasOwn(interfaces, name)) detach(dataplane.kernel, name)
  for (const [name, mode] of Object.entries(interfaces)) {
    try {
      if (adoptLink(dataplane.kernel, name, watch.link(name))) continue
      const link = watch.linkNow(name)
      if (!link) continue
      attach(dataplane.kernel, link, mode)
      log.info({ interface: name, mode }, 'attached')
    } catch (error) {
      log.error({ err: error, interface: name }, 'attaching failed')
    }
  }
}
