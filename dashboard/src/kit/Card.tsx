import type { ReactNode } from 'react'
import styles from './Card.module.css'

type Props = Readonly<{ title?: string; aside?: ReactNode; flush?: boolean; children: ReactNode }>

/** A section with its own heading. `flush` removes the padding, for tables. */
export function Card({ title, aside, flush = false, children }: Props) {
  return (
    <section className={styles.card} aria-label={title}>
      {title !== undefined && (
        <div className={styles.head}>
          <h2 className={styles.title}>{title}</h2>
          {aside}
        </div>
      )}
      <div className={flush ? styles.flush : styles.body}>{children}</div>
    </section>
  )
}
