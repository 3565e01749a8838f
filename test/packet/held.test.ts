/** Templates that a walk holds for the next, and what becomes of the packet in between. */
import test from 'ava'
import { BpfProgram, store32 } from '../../addon/index.ts'
import { HANDOVER, SETTINGS, WALK } from '../../control/abi/maps.gen.ts'
import { controlsOf } from '../../control/dataplane/control.ts'
import { mac } from '../../control/model/address.ts'
import { director, reasonCounts, reasonName, type PacketDirector } from '../support/director.ts'
import { FAMILIES, paths, service } from '../support/families.ts'
import { DIRECTOR_MAC, icmpError, senderMac, tcp } from '../support/frames.ts'
import { INGRESS } from '../support/topology.ts'
import { slots } from './table.ts'

/** Runs a walk that was handed a template; gives the reason. */
function handed(lvs: PacketDirector, walk: number, template: number, sent: Uint8Array): string {
  const { maps, sizes } = lvs.kernel
  const number = (n: number): Uint8Array => new Uint8Array(Uint32Array.of(n).buffer)
  const notes = new DataView(new ArrayBuffer(HANDOVER.size * sizes.cpus))
  for (let cpu = 0; cpu < sizes.cpus; cpu++) {
    notes.setUint32(cpu * HANDOVER.size + HANDOVER.ifindex, INGRESS, true)
    notes.setUint32(cpu * HANDOVER.size + HANDOVER.control, template + 1, true)
  }
  maps.handovers.update(number(0), new Uint8Array(notes.buffer))
  const id = new DataView((maps.walks.lookup(number(walk)) ?? new Uint8Array(4)).buffer)
  const data = Buffer.from(sent)
  data.set(mac(DIRECTOR_MAC), 0)
  data.set(mac(senderMac(data)), 6)
  const before = reasonCounts(lvs.kernel)
  BpfProgram.fromId(id.getUint32(0, true)).testRun({ data })
  return reasonName(reasonCounts(lvs.kernel).findIndex((n, i) => n !== before[i]))
}

for (const [i, f] of FAMILIES.entries()) {
  const { request, replyOut } = paths(f)
  const [type, code] = f.errors.noPort
  const error = icmpError(`${f.router} > ${f.vip}`, type, code, tcp(replyOut, 'A'))

  for (const [what, walk, frame] of [
    ['a SYN', WALK.WALK_FOLLOW, tcp(request, 'S')],
    ['an ICMP error', WALK.WALK_ICMP_NEW, error],
  ] as const)
    test(`held: ${f.name} ${what}, the service goes meanwhile, so does the hold`, async t => {
      const lvs = await director(t, service(f))
      for (const one of lvs.intents) one.service.persistentS = 100
      lvs.publish()
      store32(lvs.kernel.maps.settings.mmap(), SETTINGS.schedule_icmp / 4, 1)
      lvs.run(tcp(request, 'S'))
      const table = lvs.tables[i as 0 | 1]
      const template = slots(lvs, f).find(({ protocol }) => protocol !== 6)?.index ?? 0
      t.is(controlsOf(table, template), 1)
      new Int32Array(table.cold, template * 8 + 4, 1)[0] = 2
      const { keys, count } = lvs.kernel.maps.service_ids.lookupBatch()
      lvs.kernel.maps.service_ids.deleteBatch(keys, count)

      const reason = handed(lvs, walk + i, template, frame)

      t.deepEqual([reason, controlsOf(table, template)], ['no service', 1])
    })
}
