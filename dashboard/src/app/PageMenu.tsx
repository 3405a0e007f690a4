import { ActionIcon, Popover, useMantineColorScheme } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { storeKey } from '../access/key.ts'
import { useMe } from '../access/me.ts'
import { base } from '../data/base.ts'
import { Choice } from '../kit/Choice.tsx'
import { Icon } from '../kit/Icon.tsx'
import { choose, languages, type Language } from '../language/choice.ts'
import { language, say } from '../language/say.ts'
import styles from './PageMenu.module.css'

const schemes = [
  { value: 'light', name: say.app.light },
  { value: 'dark', name: say.app.dark },
  { value: 'auto', name: say.app.system },
] as const

const tongues = (Object.keys(languages) as Language[]).map((value) => ({ value, name: languages[value] }))

/** Theme, language, keyboard shortcuts, and links to the API reference. */
export function PageMenu({ onHelp }: Readonly<{ onHelp: () => void }>) {
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const [isOpen, setOpen] = useState(false)
  const me = useMe()
  const queries = useQueryClient()
  return (
    <Popover opened={isOpen} onChange={setOpen} position="bottom-end" shadow="md" trapFocus returnFocus>
      <Popover.Target>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="lg"
          aria-label={say.app.menu}
          onClick={() => setOpen(!isOpen)}
        >
          <Icon name="more" size={18} />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown aria-label={say.app.menu} className={styles.menu}>
        <Choice label={say.app.appearance} value={colorScheme} choices={schemes} onChange={setColorScheme} />
        <Choice label={say.app.language} value={language} choices={tongues} onChange={choose} />
        <a href={`${base}/docs`} className={styles.entry}>
          <Icon name="book" /> {say.app.apiExplorer}
        </a>
        <a href={`${base}/redoc`} className={styles.entry}>
          <Icon name="book" /> {say.app.apiReference}
        </a>
        <button
          type="button"
          className={styles.entry}
          onClick={() => {
            setOpen(false)
            onHelp()
          }}
        >
          <Icon name="keyboard" /> {say.common.keyboardShortcuts}
        </button>
        {me !== undefined && me.id !== null && (
          <button
            type="button"
            className={styles.entry}
            onClick={() => {
              storeKey(undefined)
              void queries.resetQueries()
            }}
          >
            <Icon name="key" /> {say.app.signOut(me.name)}
          </button>
        )}
      </Popover.Dropdown>
    </Popover>
  )
}
