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
import { say } from '../language/say.ts'
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
      {say.common.refresh}
    </Button>
  )
  return (
    <Page title={say.audit.auditLog} actions={refresh}>
      <AuditFilterBar filters={filters} onChange={setFilters} />
      <PagedList
        of={log}
        itemsOf={({ entries }) => entries}
        more={say.audit.showOlderEntries}
        empty={
          <EmptyState icon="history" title={say.audit.noEntries}>
            <p>{searchOf(filters) === '' ? say.audit.whatIsRecorded : say.audit.noMatch}</p>
          </EmptyState>
        }
      >
        {(entries) => (
          <Table
            label={say.audit.entries}
            head={[
              say.audit.time,
              say.audit.caller,
              say.audit.action,
              say.audit.subject,
              say.audit.reasonAndRequest,
            ]}
          >
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
