/**
 * apply() and the settings of the director in memory: the real plan, and views of what it wants.
 * Read next: fake_director.ts.
 */
import { parseSettings } from '../../control/config/setting.ts'
import { planning } from '../../control/daemon/apply.ts'
import type { DirectorApi } from '../../control/daemon/contract.ts'
import { defence } from '../../control/plan/defence.ts'
import { settingsView, settingWarnings, valuesOf } from '../../control/daemon/settings.ts'
import { originOf } from '../../control/model/origin.ts'
import {
  destSettingsOf,
  serviceIdOf,
  serviceName,
  serviceSettingsOf,
} from '../../control/model/service.ts'
import { changed } from '../../control/plan/draft.ts'
import { emptyIntent, type Intent } from '../../control/plan/intent.ts'
import { wholly } from '../../control/model/work.ts'
import { wishedDaemons, type SyncLink } from '../../control/daemon/accept.ts'
import { XlvsError } from '../../control/errors.ts'
import type { FakeState } from './fake_director.ts'
import { dest, service } from './views.ts'

const SIZES = { services: 100, dests: 1000 }

/** What was in the journal, were there one. */
export function intentOf({ services, interfaces, settings, daemons, marks }: FakeState): Intent {
  return {
    ...emptyIntent(),
    services: Object.fromEntries(
      services.map(view => {
        const { origin, dests } = view
        const service = { ...serviceIdOf(view), ...serviceSettingsOf(view), origin }
        const wanted = dests.map(dest => {
          const { address, port, origin } = dest
          return { address, port, ...destSettingsOf(dest), origin }
        })
        return [serviceName(view), { service, dests: wanted }]
      }),
    ),
    interfaces: Object.fromEntries(interfaces.map(({ name, mode }) => [name, mode])),
    interfaceOrigins: Object.fromEntries(interfaces.map(({ name, origin }) => [name, origin])),
    settings,
    daemons,
    marks,
  }
}

/** Finds the interfaces that are attached. */
export function linkIn({ interfaces }: FakeState): (name: string) => SyncLink {
  return name => {
    const found = interfaces.find(there => there.name === name)
    if (found) return { name, ifindex: found.ifindex, mtu: 1500, up: true }
    throw new XlvsError('INTERFACE_MISSING', `there is no interface ${name}`, 'see ip link')
  }
}

function take(state: FakeState, intent: Intent): void {
  state.settings = intent.settings
  state.daemons = intent.daemons
  state.marks = intent.marks
  state.interfaces = Object.entries(intent.interfaces).map(([name, mode], i) => {
    const origin = intent.interfaceOrigins[name]
    const owned = originOf(origin === undefined ? {} : { origin })
    return { name, ifindex: i + 2, mode, present: true, running: true, origin: owned }
  })
  state.services = Object.values(intent.services).map(({ service: own, dests }) => ({
    ...service(),
    ...own,
    dests: dests.map(one => dest(one)),
  }))
}

export function applyChanges(
  state: FakeState,
  change: (act: () => void) => Promise<void>,
): Pick<DirectorApi, 'apply' | 'settings' | 'setSettings'> {
  return {
    settings: () => settingsView(intentOf(state), defence({}, Infinity).modes),
    setSettings: async (given, origin = 'command') => {
      const before = intentOf(state)
      const settings = parseSettings(given, valuesOf(state.settings))
      await change(() => {
        take(state, changed(before, { op: 'set', settings, origin }))
      })
      return settingWarnings(before, settings)
    },
    apply: async (wish, { dryRun, onProgress }) => {
      const before = intentOf(state)
      const daemons = wishedDaemons(state.daemons, wish.configuration.sync ?? {}, linkIn(state))
      const whole = { ...wish, daemons }
      const { applied, change: bulk } = wholly(planning(before, whole, SIZES, dryRun))
      if (!bulk || dryRun) return applied
      const total = bulk.puts.length
      for (let done = 1; done <= total; done++) onProgress?.({ done, total })
      await change(() => {
        take(state, changed(before, bulk))
      })
      return applied
    },
  }
}
