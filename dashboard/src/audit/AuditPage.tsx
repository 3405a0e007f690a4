import { Button, Skeleton } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { useLocation, useSearch } from 'wouter'
import { client } from '../data/client.ts'
import { Card } from '../kit/Card.tsx'
import { EmptyState } from '../kit/EmptyState.tsx'
import { ErrorState } from '../kit/ErrorState.tsx'
import { Icon } from '../kit/Icon.tsx'
import { Page } from '../kit/Page.tsx'
import { AuditFilterBar } from './AuditFilterBar.tsx'
import { AuditRow } from './AuditRow.tsx'
import { filtersOf, requestOf, searchOf, type AuditFilters } from './filters.ts'
import styles from './AuditPage.module.css'

/** Entries per page. */
const limit = 100

/** Who changed what, newest first. */
export function AuditPage() {
  const search = useSearch()
  const [, navigate] = useLocation()
  const filters = useMemo(() => filtersOf(search), [search])
  const setFilters = (next: AuditFilters) => {
    const query = searchOf(next)
    navigate(query === '' ? '/audit' : `/audit?${query}`, { replace: true })
  }
  const log = useInfiniteQuery({
    queryKey: ['audit', filters],
    queryFn: ({ pageParam, signal }) =>
      client.listAudit({ ...requestOf(filters), limit, cursor: pageParam }, { signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next_cursor: next }) => next ?? undefined,
  })
  const entries = log.data?.pages.flatMap((page) => page.entries) ?? []
  const refresh = (
    <Button
      variant="default"
      leftSection={<Icon name="retry" size={14} />}
      loading={log.isRefetching}
      onClick={() => void log.refetch()}
    >
      Refresh
    </Button>
  )
  return (
    <Page title="Audit log" actions={refresh}>
      <AuditFilterBar filters={filters} onChange={setFilters} />
      {log.data === undefined && log.error !== null ? (
        <ErrorState error={log.error} retry={() => void log.refetch()} />
      ) : log.data === undefined ? (
        <Skeleton height={240} radius="md" />
      ) : (
        <Card flush>
          {entries.length === 0 && !log.hasNextPage ? (
            <EmptyState icon="history" title="No entries">
              <p>
                {searchOf(filters) === ''
                  ? 'Every change by a caller is recorded here. Submits are recorded once the server has keys.'
                  : 'No change matches these filters. Clear some of them.'}
              </p>
            </EmptyState>
          ) : (
            <div className={styles.scroll} tabIndex={0} role="region" aria-label="Entries">
              <table className={styles.table}>
                <thead>
                  <tr>
                    <th scope="col">Time</th>
                    <th scope="col">Caller</th>
                    <th scope="col">Action</th>
                    <th scope="col">Subject</th>
                    <th scope="col">Reason and request</th>
                  </tr>
                </thead>
                <tbody>
                  {entries.map((entry) => (
                    <AuditRow
                      key={entry.id}
                      entry={entry}
                      onCaller={(caller) => setFilters({ ...filters, caller })}
                    />
                  ))}
                </tbody>
              </table>
            </div>
          )}
          {log.hasNextPage && (
            <div className={styles.more}>
              <Button
                variant="default"
                loading={log.isFetchingNextPage}
                onClick={() => void log.fetchNextPage()}
              >
                Show older entries
              </Button>
            </div>
          )}
        </Card>
      )}
    </Page>
  )
}
