import { useLocalStorage } from '@mantine/hooks'

/** Filters of the task list with a name, kept in this browser. Their address shares them. */
export type View = Readonly<{
  name: string
  /** The query of the address. */
  search: string
}>

/** More would fill the sidebar. */
export const mostViews = 20

export function useViews() {
  const [views, set] = useLocalStorage<readonly View[]>({
    key: 'fermata-views',
    defaultValue: none,
    getInitialValueInEffect: false,
  })
  return {
    views,
    /** A view of the same name is replaced. */
    save: (view: View) =>
      set((known) => [...known.filter(({ name }) => name !== view.name), view].slice(-mostViews)),
    remove: (name: string) => set((known) => known.filter((view) => view.name !== name)),
  }
}

export function addressOf({ search }: View): string {
  return `/tasks?${search}`
}

const none: readonly View[] = []
