import type { IconName } from '../kit/icons.ts'

export type Place = Readonly<{ path: string; name: string; icon: IconName; key: string }>

/** Where the navigation leads, and the key that goes there after `g`. */
export const places: readonly Place[] = [
  { path: '/', name: 'Overview', icon: 'gauge', key: 'o' },
  { path: '/tasks', name: 'Tasks', icon: 'list', key: 't' },
  { path: '/submit', name: 'Submit', icon: 'send', key: 's' },
  { path: '/types', name: 'Types', icon: 'shapes', key: 'y' },
  { path: '/nodes', name: 'Nodes', icon: 'server', key: 'n' },
]

/** The place that an address belongs to: a task belongs to the tasks. */
export function placeOf(path: string): Place | undefined {
  return places.find(
    (place) => place.path === path || (place.path !== '/' && path.startsWith(`${place.path}/`)),
  )
}
