import type { ReactNode } from 'react'
import { Brand } from './Brand.tsx'
import { Navigation } from './Navigation.tsx'
import { PageMenu } from './PageMenu.tsx'
import styles from './Shell.module.css'

/** Around every page: a column at the side where there is room, a bar at the bottom where there is not. */
export function Shell({ children }: Readonly<{ children: ReactNode }>) {
  return (
    <div className={styles.shell}>
      <a className={styles.skip} href="#main">
        Skip to the content
      </a>
      <header className={styles.header}>
        <Brand />
        <PageMenu />
      </header>
      <Navigation />
      <main id="main" className={styles.main} tabIndex={-1}>
        {children}
      </main>
    </div>
  )
}
