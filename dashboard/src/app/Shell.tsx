import { ActionIcon } from '@mantine/core'
import { Suspense, useEffect, useEffectEvent, useLayoutEffect, useRef, useState, type ReactNode } from 'react'
import { useLocation } from 'wouter'
import { useMe } from '../access/me.ts'
import { ShortcutHelp } from '../keys/ShortcutHelp.tsx'
import { useKeys } from '../keys/useKeys.ts'
import { Icon } from '../kit/Icon.tsx'
import { say } from '../language/say.ts'
import { lazyPart } from '../loading/lazy-part.ts'
import { AwayNotice } from './AwayNotice.tsx'
import { Brand } from './Brand.tsx'
import { Watcher } from '../notify/Watcher.tsx'
import { Navigation } from './Navigation.tsx'
import { NoticeList } from './NoticeList.tsx'
import { PageMenu } from './PageMenu.tsx'
import { placesOf } from './routes-list.ts'
import styles from './Shell.module.css'

const Palette = lazyPart(() => import('../palette/Palette.tsx').then((room) => room.Palette))

/** The frame of every page: navigation at the side on wide screens, at the bottom on small ones. */
export function Shell({ children }: Readonly<{ children: ReactNode }>) {
  const [path, navigate] = useLocation()
  const main = useRef<HTMLElement>(null)
  const isFirst = useRef(true)
  const me = useMe()
  const [isHelping, setHelping] = useState(false)
  const [palette, setPalette] = useState<'never' | 'closed' | 'open'>('never')
  const openPalette = useEffectEvent(() => {
    setHelping(false)
    setPalette('open')
  })
  // Runs before the effects of the page, which may restore its scroll position.
  useLayoutEffect(() => {
    if (isFirst.current) return
    window.scrollTo({ top: 0 })
    main.current?.focus({ preventScroll: true })
  }, [path])
  useEffect(() => {
    isFirst.current = false
  }, [])
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.key !== 'k' || !(event.ctrlKey || event.metaKey)) return
      event.preventDefault()
      openPalette()
    }
    document.addEventListener('keydown', listen)
    return () => document.removeEventListener('keydown', listen)
  }, [])
  useKeys({
    '?': () => setHelping(true),
    ...Object.fromEntries(placesOf(me).map(({ key, path }) => [`g ${key}`, () => navigate(path)])),
  })
  return (
    <div className={styles.shell}>
      <a className={styles.skip} href="#main">
        {say.app.skipToContent}
      </a>
      <header className={styles.header}>
        <Brand />
        <span className={styles.tools}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="lg"
            aria-label={say.common.commandPalette}
            title={say.app.commandPaletteWithKey}
            onClick={() => setPalette('open')}
          >
            <Icon name="search" size={18} />
          </ActionIcon>
          <PageMenu onHelp={() => setHelping(true)} />
        </span>
      </header>
      <Navigation />
      <main ref={main} id="main" className={styles.main} tabIndex={-1}>
        {children}
      </main>
      <NoticeList />
      <Watcher />
      <AwayNotice />
      {palette !== 'never' && (
        <Suspense>
          <Palette
            isOpen={palette === 'open'}
            onClose={() => setPalette('closed')}
            onHelp={() => setHelping(true)}
          />
        </Suspense>
      )}
      <ShortcutHelp isOpen={isHelping} onClose={() => setHelping(false)} />
    </div>
  )
}
