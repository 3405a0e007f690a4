import { useState, type ReactNode } from 'react'
import { useLocation } from 'wouter'
import { ShortcutHelp } from '../keys/ShortcutHelp.tsx'
import { useKeys } from '../keys/useKeys.ts'
import { AwayNotice } from './AwayNotice.tsx'
import { Brand } from './Brand.tsx'
import { Navigation } from './Navigation.tsx'
import { PageMenu } from './PageMenu.tsx'
import { places } from './places.ts'
import styles from './Shell.module.css'

/** Around every page: a column at the side where there is room, a bar at the bottom where there is not. */
export function Shell({ children }: Readonly<{ children: ReactNode }>) {
  const [, navigate] = useLocation()
  const [isHelping, setHelping] = useState(false)
  useKeys({
    '?': () => setHelping(true),
    ...Object.fromEntries(places.map(({ key, path }) => [`g ${key}`, () => navigate(path)])),
  })
  return (
    <div className={styles.shell}>
      <a className={styles.skip} href="#main">
        Skip to the content
      </a>
      <header className={styles.header}>
        <Brand />
        <PageMenu onHelp={() => setHelping(true)} />
      </header>
      <Navigation />
      <main id="main" className={styles.main} tabIndex={-1}>
        {children}
      </main>
      <AwayNotice />
      <ShortcutHelp isOpen={isHelping} onClose={() => setHelping(false)} />
    </div>
  )
}
