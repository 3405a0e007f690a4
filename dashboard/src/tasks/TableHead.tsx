import { Checkbox } from '@mantine/core'
import { say } from '../language/say.ts'
import { isEmpty, nothing, type Selection } from './selection.ts'
import type { ListOrder } from '../../../src/contract/filter-words.ts'
import { Icon } from '../kit/Icon.tsx'
import { columns, usualColumns, type Column } from './columns.ts'
import styles from './TaskRow.module.css'
import { cells, widthsOf } from './TaskRow.tsx'

type Props = Readonly<{
  ids: readonly string[]
  selection: Selection
  onSelect: (selection: Selection) => void
  /** Null: as many of the usual ones as fit. */
  shown: readonly Column[] | null
  order: ListOrder
  onOrder: (order: ListOrder) => void
}>

export function TableHead({ ids, selection, onSelect, shown, order, onOrder }: Props) {
  const isWhole = selection.isAll || (ids.length > 0 && selection.ids.size === ids.length)
  return (
    <div role="rowgroup" style={{ display: 'contents' }}>
      <div
        role="row"
        className={`${styles.row} ${styles.head}`}
        data-below={!isEmpty(selection)}
        data-chosen={shown !== null}
        style={widthsOf(shown)}
      >
        <span role="columnheader" className={styles.check}>
          <Checkbox
            size="xs"
            aria-label={say.tasks.selectAllLoadedRows}
            checked={isWhole}
            indeterminate={!isWhole && !isEmpty(selection)}
            onChange={() => onSelect(isWhole ? nothing : { ids: new Set(ids), isAll: false })}
          />
        </span>
        {(shown ?? usualColumns).map((column) => (
          <span
            key={column}
            role="columnheader"
            className={styles[cells[column].place]}
            aria-sort={sortOf(column, order)}
          >
            <Heading column={column} order={order} onOrder={onOrder} />
          </span>
        ))}
      </div>
    </div>
  )
}

/** By columns that sort: largest or newest first, and the other way around. */
const orders: Readonly<Partial<Record<Column, readonly [ListOrder, ListOrder]>>> = {
  submitted: ['newest', 'oldest'],
  duration: ['longest', 'shortest'],
  ended: ['ended_newest', 'ended_oldest'],
}

function sortOf(column: Column, order: ListOrder): 'descending' | 'ascending' | undefined {
  const place = orders[column]?.indexOf(order) ?? -1
  return place === -1 ? undefined : place === 0 ? 'descending' : 'ascending'
}

type HeadingProps = Readonly<{ column: Column; order: ListOrder; onOrder: (order: ListOrder) => void }>

function Heading({ column, order, onOrder }: HeadingProps) {
  const { name } = columns[column]
  const both = orders[column]
  if (both === undefined) return name
  const sort = sortOf(column, order)
  return (
    <button
      type="button"
      className={styles.heading}
      onClick={() => onOrder(sort === 'descending' ? both[1] : both[0])}
    >
      {name}
      {sort !== undefined && <Icon name={sort === 'descending' ? 'down' : 'up'} size={12} />}
    </button>
  )
}
