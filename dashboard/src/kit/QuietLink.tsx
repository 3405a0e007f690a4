import type { ReactNode } from 'react'
import { Link } from 'wouter'
import styles from './QuietLink.module.css'

/** A subdued link next to the heading of a card. */
export function QuietLink({ to, children }: Readonly<{ to: string; children: ReactNode }>) {
  return (
    <Link href={to} className={styles.link}>
      {children}
    </Link>
  )
}
