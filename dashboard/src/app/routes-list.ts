import type { IconName } from '../kit/icons.ts'

export type Route = Readonly<{ path: string; name: string; icon: IconName; key: string }>

/** The pages in the navigation, and the key that opens each after `g`. */
export const places: readonly Route[] = [
  { path: '/', name: 'Overview', icon: 'gauge', key: 'o' },
  { path: '/tasks', name: 'Tasks', icon: 'list', key: 't' },
  { path: '/submit', name: 'Submit', icon: 'send', key: 's' },
  { path: '/types', name: 'Types', icon: 'shapes', key: 'y' },
  { path: '/nodes', name: 'Nodes', icon: 'server', key: 'n' },
]

/** The navigation entry for a path; a task page belongs to Tasks. */
export function placeOf(path: string): Route | undefined {
  return places.find(
    (place) => place.path === path || (place.path !== '/' && path.startsWith(`${place.path}/`)),
  )
}
