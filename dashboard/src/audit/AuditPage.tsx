import { Button } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { useLocation, useSearch } from 'wouter'
import { client } from '../data/client.ts'
import { EmptyState } from '../kit/EmptyState.tsx'
import { Icon } from '../kit/Icon.tsx'
import { Page } from '../kit/Page.tsx'
import { PagedList } from '../kit/PagedList.tsx'
import { Table } from '../kit/Table.tsx'
import { AuditFilterBar } from './AuditFilterBar.tsx'
import { AuditRow } from './AuditRow.tsx'
import { filtersOf, requestOf, searchOf, type AuditFilters } from './filters.ts'

/** Entries per page. */
const limit = 100

/** Who changed what, newest first. */
export function AuditPage() {
  const search = useSearch()
  const [, navigate] = useLocation()
  const filters = useMemo(() => filtersOf(search), [search])
  const setFilters = (next: AuditFilters) => {
    const query = searchOf(next)
    navigate(query === '' ? '/audit' : `/audit?${query}`)
  }
  const log = useInfiniteQuery({
    queryKey: ['audit', filters],
    queryFn: ({ pageParam, signal }) =>
      client.listAudit({ ...requestOf(filters), limit, cursor: pageParam }, { signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next_cursor: next }) => next ?? undefined,
  })
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
      <PagedList
        of={log}
        itemsOf={({ entries }) => entries}
        more="Show older entries"
        empty={
          <EmptyState icon="history" title="No entries">
            <p>
              {searchOf(filters) === ''
                ? 'Every change by a caller is recorded here. Submits are recorded once the server has keys.'
                : 'No change matches these filters. Clear some of them.'}
            </p>
          </EmptyState>
        }
      >
        {(entries) => (
          <Table label="Entries" head={['Time', 'Caller', 'Action', 'Subject', 'Reason and request']}>
            {entries.map((entry) => (
              <AuditRow
                key={entry.id}
                entry={entry}
                onCaller={(caller) => setFilters({ ...filters, caller })}
              />
            ))}
          </Table>
        )}
      </PagedList>
    </Page>
  )
}
