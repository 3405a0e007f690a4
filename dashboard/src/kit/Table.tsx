import type { ReactNode } from 'react'
import styles from './Table.module.css'

type Props = Readonly<{
  /** For screen readers. */
  label: string
  /** Column headings. */
  head: readonly ReactNode[]
  /** How the table is sorted by each of these columns, if it is. */
  sorted?: readonly ('ascending' | 'descending' | undefined)[]
  /** Rows: `tr` elements. */
  children: ReactNode
}>

/** A table that scrolls sideways where it does not fit. */
export function Table({ label, head, sorted, children }: Props) {
  return (
    <div className={styles.scroll} tabIndex={0} role="region" aria-label={label}>
      <table className={styles.table}>
        <thead>
          <tr>
            {head.map((cell, index) => (
              <th key={index} scope="col" aria-sort={sorted?.[index]}>
                {cell}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  )
}
