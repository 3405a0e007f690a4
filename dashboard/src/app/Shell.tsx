import { useEffect, useLayoutEffect, useRef, useState, type ReactNode } from 'react'
import { useLocation } from 'wouter'
import { useMe } from '../access/me.ts'
import { ShortcutHelp } from '../keys/ShortcutHelp.tsx'
import { useKeys } from '../keys/useKeys.ts'
import { AwayNotice } from './AwayNotice.tsx'
import { Brand } from './Brand.tsx'
import { Navigation } from './Navigation.tsx'
import { PageMenu } from './PageMenu.tsx'
import { placesOf } from './routes-list.ts'
import styles from './Shell.module.css'

/** The frame of every page: navigation at the side on wide screens, at the bottom on small ones. */
export function Shell({ children }: Readonly<{ children: ReactNode }>) {
  const [path, navigate] = useLocation()
  const main = useRef<HTMLElement>(null)
  const isFirst = useRef(true)
  const me = useMe()
  const [isHelping, setHelping] = useState(false)
  // Runs before the effects of the page, which may restore its scroll position.
  useLayoutEffect(() => {
    if (isFirst.current) return
    window.scrollTo({ top: 0 })
    main.current?.focus({ preventScroll: true })
  }, [path])
  useEffect(() => {
    isFirst.current = false
  }, [])
  useKeys({
    '?': () => setHelping(true),
    ...Object.fromEntries(placesOf(me).map(({ key, path }) => [`g ${key}`, () => navigate(path)])),
  })
  return (
    <div className={styles.shell}>
      <a className={styles.skip} href="#main">
        Skip to content
      </a>
      <header className={styles.header}>
        <Brand />
        <PageMenu onHelp={() => setHelping(true)} />
      </header>
      <Navigation />
      <main ref={main} id="main" className={styles.main} tabIndex={-1}>
        {children}
      </main>
      <AwayNotice />
      <ShortcutHelp isOpen={isHelping} onClose={() => setHelping(false)} />
    </div>
  )
}
