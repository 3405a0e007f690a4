import type { Me, Scope } from '../../../src/client/index.ts'
import { allows, isLimited } from '../access/rights.ts'
import type { IconName } from '../kit/icons.ts'

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
  { path: '/', name: 'Overview', icon: 'gauge', key: 'o', scope: 'read', isAboutAll: true },
  { path: '/tasks', name: 'Tasks', icon: 'list', key: 't', scope: 'read' },
  { path: '/failures', name: 'Failures', icon: 'warning', key: 'f', scope: 'read' },
  { path: '/waits', name: 'Waits', icon: 'inbox', key: 'i', scope: 'read' },
  { path: '/submit', name: 'Submit', icon: 'send', key: 's', scope: 'run' },
  { path: '/schedules', name: 'Schedules', icon: 'calendar', key: 'c', scope: 'read' },
  { path: '/limits', name: 'Limits', icon: 'funnel', key: 'l', scope: 'read', isAboutAll: true },
  { path: '/types', name: 'Types', icon: 'shapes', key: 'y', scope: 'read' },
  { path: '/nodes', name: 'Nodes', icon: 'server', key: 'n', scope: 'read', isAboutAll: true },
  { path: '/webhooks', name: 'Webhooks', icon: 'webhook', key: 'w', scope: 'admin', isAboutAll: true },
  { path: '/keys', name: 'Keys', icon: 'key', key: 'k', scope: 'admin' },
  { path: '/audit', name: 'Audit', icon: 'history', key: 'a', scope: 'admin' },
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
