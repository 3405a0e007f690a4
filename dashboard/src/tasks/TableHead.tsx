import { Checkbox } from '@mantine/core'
import { isEmpty, nothing, type Selection } from './selection.ts'
import styles from './TaskRow.module.css'

type Props = Readonly<{
  ids: readonly string[]
  selection: Selection
  onSelect: (selection: Selection) => void
}>

export function TableHead({ ids, selection, onSelect }: Props) {
  const isWhole = selection.isAll || (ids.length > 0 && selection.ids.size === ids.length)
  return (
    <div role="rowgroup" style={{ display: 'contents' }}>
      <div role="row" className={`${styles.row} ${styles.head}`} data-below={!isEmpty(selection)}>
        <span role="columnheader" className={styles.check}>
          <Checkbox
            size="xs"
            aria-label="Select all loaded rows"
            checked={isWhole}
            indeterminate={!isWhole && !isEmpty(selection)}
            onChange={() => onSelect(isWhole ? nothing : { ids: new Set(ids), isAll: false })}
          />
        </span>
        <span role="columnheader" className={styles.status}>
          Status
        </span>
        <span role="columnheader" className={styles.type}>
          Type
        </span>
        <span role="columnheader" className={styles.state}>
          Progress
        </span>
        <span role="columnheader" className={styles.parameters}>
          Parameters
        </span>
        <span role="columnheader" className={styles.time}>
          Duration
        </span>
        <span role="columnheader" className={styles.created}>
          Submitted
        </span>
        <span role="columnheader" className={styles.id}>
          ID
        </span>
      </div>
    </div>
  )
}
