import { useDocumentTitle } from '@mantine/hooks'
import type { ReactNode } from 'react'
import styles from './Page.module.css'

type Props = Readonly<{ title: string; actions?: ReactNode; children: ReactNode }>

/** A page with its heading, and actions next to it. */
export function Page({ title, actions, children }: Props) {
  useDocumentTitle(`${title} · Fermata`)
  return (
    <>
      <div className={styles.head}>
        <h1 className={styles.title}>{title}</h1>
        {actions !== undefined && <div className={styles.actions}>{actions}</div>}
      </div>
      {children}
    </>
  )
}
