import type { ReactNode } from 'react'
import { Icon } from './Icon.tsx'
import type { IconName } from './icons.ts'
import styles from './EmptyState.module.css'

type Props = Readonly<{ icon: IconName; title: string; children?: ReactNode }>

/** An empty state: says why, and what to do. */
export function EmptyState({ icon, title, children }: Props) {
  return (
    <div className={styles.empty}>
      <span className={styles.icon}>
        <Icon name={icon} size={22} />
      </span>
      <p className={styles.title}>{title}</p>
      {children}
    </div>
  )
}
