import { useWindowVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useEffectEvent, useRef, useState } from 'react'
import { useLocation } from 'wouter'
import { ErrorState } from '../kit/ErrorState.tsx'
import { useKeys } from '../keys/useKeys.ts'
import { say } from '../language/say.ts'
import type { Column } from './columns.ts'
import { type Filters } from './filters.ts'
import { NoTasks } from './NoTasks.tsx'
import { extended, isChosen, nothing, toggled, type Selection } from './selection.ts'
import { TableHead } from './TableHead.tsx'
import styles from './TaskTable.module.css'
import { TaskRow } from './TaskRow.tsx'
import type { useTable } from './useTable.ts'
import { useRowHeight } from './useRowHeight.ts'

type Props = Readonly<{
  table: ReturnType<typeof useTable>
  filters: Filters
  selection: Selection
  onSelect: (selection: Selection) => void
  /** The chosen columns; null: as many of the usual ones as fit. */
  shown: readonly Column[] | null
  onOrder: (order: Filters['order']) => void
  /** Shows the newest tasks at the top. */
  onRenew: () => void
  onClear: () => void
}>

/** A virtualized table with a keyboard cursor, which `aria-activedescendant` announces. */
export function TaskTable(props: Props) {
  const { table, filters, selection, onSelect, shown, onOrder, onRenew, onClear } = props
  const { ids, tasks, see, isLoading, isAtEnd, error, more } = table
  const [, navigate] = useLocation()
  const place = useRef<HTMLDivElement>(null)
  const [cursor, setCursor] = useState(-1)
  const anchor = useRef(0)
  const height = useRowHeight()
  const rows = useWindowVirtualizer({
    count: ids.length,
    estimateSize: () => height,
    overscan: 8,
    scrollMargin: place.current?.offsetTop ?? 0,
    scrollPaddingStart: 140,
    scrollPaddingEnd: 80,
  })
  useEffect(() => rows.measure(), [rows, height])

  const items = rows.getVirtualItems()
  const first = items[0]?.index ?? 0
  const last = items.at(-1)?.index ?? 0
  const looked = useEffectEvent(see)
  // Also after a page was read: rows seen during the read could not request the next one.
  useEffect(() => {
    if (ids.length > 0 && !isLoading) looked(first, last)
  }, [first, last, ids, isLoading])

  const present = cursor >= 0 ? cursor : (rows.range?.startIndex ?? 0) - 1
  const go = (to: number) => {
    if (ids.length === 0) return
    const index = Math.max(0, Math.min(ids.length - 1, to))
    setCursor(index)
    rows.scrollToIndex(index)
    place.current?.focus({ preventScroll: true })
  }
  const open = () => {
    const id = ids[cursor]
    if (id !== undefined) navigate(`/tasks/${id}`)
  }
  const choose = (index: number, isRange: boolean) => {
    const id = ids[index]
    if (id === undefined) return
    onSelect(isRange ? extended(selection, anchor.current, index, ids) : toggled(selection, id, ids))
    anchor.current = index
  }
  useKeys({
    j: () => go(present + 1),
    k: () => go(present - 1),
    ArrowDown: () => go(present + 1),
    ArrowUp: () => go(present - 1),
    Home: () => go(0),
    End: () => go(ids.length - 1),
    PageDown: () => go(present + 12),
    PageUp: () => go(present - 12),
    Enter: open,
    o: open,
    x: () => choose(cursor, false),
    ' ': (event) => choose(cursor, event.shiftKey),
    Escape: () => onSelect(nothing),
    '.': onRenew,
  })

  if (ids.length === 0 && error !== null) return <ErrorState error={error} retry={more} />
  if (ids.length === 0 && isAtEnd)
    return <NoTasks filters={filters} isLimited={table.isLimited} onClear={onClear} />
  return (
    <div className={styles.card}>
      <div
        ref={place}
        className={styles.table}
        role="grid"
        aria-label={say.common.tasks}
        aria-rowcount={isAtEnd ? ids.length + 1 : -1}
        aria-multiselectable="true"
        aria-activedescendant={cursor >= 0 ? `row-${cursor}` : undefined}
        aria-busy={isLoading}
        tabIndex={0}
        onFocus={() => {
          // A key that moves the focus here has already set the cursor.
          if (ids.length > 0) setCursor((chosen) => (chosen < 0 ? first : chosen))
        }}
      >
        <TableHead
          ids={ids}
          selection={selection}
          onSelect={onSelect}
          shown={shown}
          order={filters.order}
          onOrder={onOrder}
        />
        <div role="rowgroup" className={styles.rows} style={{ height: rows.getTotalSize() }}>
          {items.map(({ index, start, size }) => {
            const id = ids[index]
            if (id === undefined) return null
            return (
              <TaskRow
                key={id}
                id={id}
                index={index}
                tasks={tasks}
                statuses={filters.statuses}
                shown={shown}
                top={start - rows.options.scrollMargin}
                height={size}
                isChosen={isChosen(selection, id)}
                isCursor={index === cursor}
                onChoose={choose}
              />
            )
          })}
        </div>
      </div>
      <p className={styles.foot} role="status">
        {isLoading ? say.tasks.loading : isAtEnd ? say.common.taskCount(ids.length) : ''}
        {table.isLimited && ` · ${limitWords(filters)}`}
      </p>
    </div>
  )
}

function limitWords({ order, text }: Filters): string {
  const isSorted = order === 'longest' || order === 'shortest'
  if (!isSorted) return say.tasks.searchIsLimited
  return text === '' ? say.tasks.orderIsLimited : say.tasks.orderOfSearchIsLimited
}
