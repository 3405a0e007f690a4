import { Button } from '@mantine/core'
import type { ReactNode } from 'react'
import { Card } from './Card.tsx'
import { Loaded } from './Loaded.tsx'
import styles from './PagedList.module.css'

/** A list that is read page by page, as `useInfiniteQuery` returns it. */
type PagedRead<Page> = Readonly<{
  data: Readonly<{ pages: readonly Page[] }> | undefined
  error: unknown
  refetch: () => unknown
  hasNextPage: boolean
  isFetchingNextPage: boolean
  fetchNextPage: () => unknown
}>

type Props<Page, Item> = Readonly<{
  of: PagedRead<Page>
  itemsOf: (page: Page) => readonly Item[]
  title?: string
  aside?: ReactNode
  /** The label of the button for the next page: "Show more schedules". */
  more: string
  /** Shown if there are no items. */
  empty: ReactNode
  children: (items: readonly Item[]) => ReactNode
}>

/** A card with a list, its empty state, and a button for the next page. */
export function PagedList<Page, Item>(props: Props<Page, Item>) {
  const { of: read, itemsOf, title, aside, more, empty, children } = props
  return (
    <Loaded of={read}>
      {({ pages }) => {
        const items = pages.flatMap(itemsOf)
        return (
          <Card flush {...(title === undefined ? {} : { title })} aside={aside}>
            {items.length === 0 && !read.hasNextPage ? empty : children(items)}
            {read.hasNextPage && (
              <div className={styles.more}>
                <Button
                  variant="default"
                  loading={read.isFetchingNextPage}
                  onClick={() => void read.fetchNextPage()}
                >
                  {more}
                </Button>
              </div>
            )}
          </Card>
        )
      }}
    </Loaded>
  )
}
