import { ActionIcon } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link, useLocation, useSearch } from 'wouter'
import { client } from '../data/client.ts'
import { Icon } from '../kit/Icon.tsx'
import { say } from '../language/say.ts'
import { useIsVisible } from '../live/visible.ts'
import { filtersOf, requestOf } from '../tasks/filters.ts'
import { now } from '../time/ticks.ts'
import { countWords } from '../time/words.ts'
import { addressOf, useViews, type View } from './views.ts'
import styles from './ViewList.module.css'

/** Tasks that are counted at most. */
const most = 1_000

/** The saved views, with how many tasks they show. */
export function ViewList() {
  const { views, remove } = useViews()
  if (views.length === 0) return null
  return (
    <ul className={styles.views} aria-label={say.views.savedViews}>
      {views.map((view) => (
        <Entry key={view.name} view={view} onRemove={() => remove(view.name)} />
      ))}
    </ul>
  )
}

function Entry({ view, onRemove }: Readonly<{ view: View; onRemove: () => void }>) {
  const [path] = useLocation()
  const search = useSearch()
  const isVisible = useIsVisible()
  const { data } = useQuery({
    queryKey: ['view', view.search],
    queryFn: async ({ signal }) => {
      const filter = requestOf(filtersOf(view.search), now())
      const page = await client.listTasks({ ...filter, fields: ['task_id'], limit: most }, { signal })
      return `${countWords(page.tasks.length)}${page.next_cursor === null && !page.search_limited ? '' : '+'}`
    },
    enabled: isVisible,
    refetchInterval: 15_000,
    placeholderData: keepPreviousData,
  })
  const isHere = path === '/tasks' && search === view.search
  return (
    <li className={styles.view}>
      <Link href={addressOf(view)} className={styles.link} aria-current={isHere ? 'page' : undefined}>
        <span className={styles.name}>{view.name}</span>
        <span className={styles.count}>{data}</span>
      </Link>
      <ActionIcon
        className={styles.remove ?? ''}
        size="sm"
        variant="subtle"
        color="gray"
        aria-label={say.views.removeView(view.name)}
        onClick={onRemove}
      >
        <Icon name="close" size={12} />
      </ActionIcon>
    </li>
  )
}
