import { useSessionStorage } from '@mantine/hooks'

/** A task about whose end the reader wants to be told. */
export type Watched = Readonly<{ id: string; type: string }>

/** The watched tasks of this tab. They survive a reload. */
export function useWatched() {
  const [watched, set] = useSessionStorage<readonly Watched[]>({
    key: 'fermata-watched',
    defaultValue: none,
    getInitialValueInEffect: false,
  })
  return {
    watched,
    watch: (task: Watched) => set((known) => [...known.filter(({ id }) => id !== task.id), task]),
    forget: (id: string) => set((known) => known.filter((task) => task.id !== id)),
  }
}

const none: readonly Watched[] = []
