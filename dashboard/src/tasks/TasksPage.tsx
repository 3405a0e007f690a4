import { useCallback, useMemo, useState } from 'react'
import { useLocation, useSearch } from 'wouter'
import { useCan } from '../access/me.ts'
import { Icon } from '../kit/Icon.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { Page } from '../kit/Page.tsx'
import { say } from '../language/say.ts'
import { ActionBar } from './ActionBar.tsx'
import { BulkDialog, type Meant } from './BulkDialog.tsx'
import { BulkNotice } from './BulkNotice.tsx'
import { ColumnChooser } from './ColumnChooser.tsx'
import { columnsOf, useColumns, withColumns, type Column } from './columns.ts'
import { FilterBar } from './FilterBar.tsx'
import { filtersOf, requestOf, searchOf, type Filters } from './filters.ts'
import { FreshNotice } from './FreshNotice.tsx'
import { isEmpty, nothing } from './selection.ts'
import { TaskTable } from './TaskTable.tsx'
import type { Control } from '../data/shapes.ts'
import { hasEnded, useBegun, type Begun } from './operations.ts'
import { now } from '../time/ticks.ts'
import { useTable } from './useTable.ts'

export function TasksPage() {
  const search = useSearch()
  const [, navigate] = useLocation()
  const filters = useMemo(() => filtersOf(search), [search])
  const { chosen, shown, keep } = useColumns(search, filters)
  const [turn, setTurn] = useState(0)
  const [meant, setMeant] = useState<Meant | null>(null)
  const table = useTable(filters, turn)
  const { selection, select: setSelection } = table
  const { begun, add, forget } = useBegun()

  const setFilters = useCallback(
    (next: Filters) => {
      const query = withColumns(searchOf(next), columnsOf(search))
      // One entry in the history for a search, not one for each pause in the typing.
      const isTyping = filters.text !== '' && next.text !== filters.text
      navigate(query === '' ? '/tasks' : `/tasks?${query}`, { replace: isTyping })
    },
    [navigate, filters, search],
  )
  const choose = (next: readonly Column[] | null) => {
    keep(next)
    if (columnsOf(search) === null) return
    const query = withColumns(search, next)
    navigate(query === '' ? '/tasks' : `/tasks?${query}`, { replace: true })
  }
  const renew = () => {
    setTurn(turn + 1)
    window.scrollTo({ top: 0 })
  }
  const act = (control: Control) => {
    const isSome = !isEmpty(selection) && !selection.isAll
    setMeant(isSome ? { control, ids: [...selection.ids] } : { control, filter: requestOf(filters, now()) })
  }
  const onBegun = (operation: Begun) => {
    add(operation)
    setMeant(operation)
    setSelection(nothing)
  }
  /** A finished operation is forgotten; a running one is shown above the table. */
  const close = () => {
    if (meant !== null && 'id' in meant && hasEnded(meant)) forget(meant.id)
    setMeant(null)
  }
  const canRun = useCan('run')
  const submit = canRun && (
    <LinkButton to="/submit" leftSection={<Icon name="send" />}>
      {say.common.submitTask}
    </LinkButton>
  )
  return (
    <Page title={say.common.tasks} actions={submit}>
      <FilterBar filters={filters} onChange={setFilters} address={withColumns(searchOf(filters), chosen)}>
        <ColumnChooser chosen={chosen} shown={shown} onChange={choose} />
      </FilterBar>
      <ActionBar table={table} selection={selection} onSelect={setSelection} onAct={act} />
      {begun
        .filter((operation) => meant === null || !('id' in meant) || meant.id !== operation.id)
        .map((operation) => (
          <BulkNotice
            key={operation.id}
            begun={operation}
            onShow={() => setMeant(operation)}
            onForget={() => forget(operation.id)}
          />
        ))}
      <FreshNotice count={table.fresh} onShow={renew} />
      <TaskTable
        table={table}
        filters={filters}
        selection={selection}
        onSelect={setSelection}
        shown={shown}
        onOrder={(order) => setFilters({ ...filters, order })}
        onRenew={renew}
        onClear={() => setFilters(filtersOf(''))}
      />
      <BulkDialog meant={meant} onClose={close} onBegun={onBegun} onDone={() => setSelection(nothing)} />
    </Page>
  )
}
