import type { Me, Scope } from '../../../src/client/index.ts'
import { allows, isLimited } from '../access/rights.ts'
import type { IconName } from '../kit/icons.ts'
import { say } from '../language/say.ts'

export type Route = Readonly<{
  path: string
  name: string
  icon: IconName
  key: string
  /** Shown to callers who have this scope. */
  scope: Scope
  /** Not shown to callers who are limited to types or tags. */
  isAboutAll?: true
}>

/** The pages in the navigation, and the key that opens each after `g`. */
export const places: readonly Route[] = [
  { path: '/', name: say.common.overview, icon: 'gauge', key: 'o', scope: 'read', isAboutAll: true },
  { path: '/tasks', name: say.common.tasks, icon: 'list', key: 't', scope: 'read' },
  { path: '/failures', name: say.common.failures, icon: 'warning', key: 'f', scope: 'read' },
  { path: '/waits', name: say.common.waits, icon: 'inbox', key: 'i', scope: 'read' },
  { path: '/submit', name: say.common.submit, icon: 'send', key: 's', scope: 'run' },
  { path: '/schedules', name: say.common.schedules, icon: 'calendar', key: 'c', scope: 'read' },
  { path: '/limits', name: say.common.limits, icon: 'funnel', key: 'l', scope: 'read', isAboutAll: true },
  { path: '/types', name: say.common.types, icon: 'shapes', key: 'y', scope: 'read' },
  { path: '/nodes', name: say.common.nodes, icon: 'server', key: 'n', scope: 'read', isAboutAll: true },
  {
    path: '/webhooks',
    name: say.common.webhooks,
    icon: 'webhook',
    key: 'w',
    scope: 'admin',
    isAboutAll: true,
  },
  { path: '/keys', name: say.common.keys, icon: 'key', key: 'k', scope: 'admin' },
  { path: '/audit', name: say.app.audit, icon: 'history', key: 'a', scope: 'admin' },
]

/** The pages that work for this caller; all of them until the server has said who it is. */
export function placesOf(me: Me | undefined): readonly Route[] {
  if (me === undefined) return places
  return places.filter(
    ({ scope, isAboutAll }) => allows(me, scope) && !(isAboutAll === true && isLimited(me)),
  )
}

/** The navigation entry for a path; a task page belongs to Tasks. */
export function placeOf(path: string): Route | undefined {
  return places.find(
    (place) => place.path === path || (place.path !== '/' && path.startsWith(`${place.path}/`)),
  )
}
