import { ActionIcon, Popover, useMantineColorScheme } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { storeKey } from '../access/key.ts'
import { useMe } from '../access/me.ts'
import { base } from '../data/base.ts'
import { Choice } from '../kit/Choice.tsx'
import { Icon } from '../kit/Icon.tsx'
import styles from './PageMenu.module.css'

const schemes = [
  { value: 'light', name: 'Light' },
  { value: 'dark', name: 'Dark' },
  { value: 'auto', name: 'System' },
] as const

/** Theme, keyboard shortcuts, and links to the API reference. */
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
          aria-label="Menu"
          onClick={() => setOpen(!isOpen)}
        >
          <Icon name="more" size={18} />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown aria-label="Menu" className={styles.menu}>
        <Choice label="Appearance" value={colorScheme} choices={schemes} onChange={setColorScheme} />
        <a href={`${base}/docs`} className={styles.entry}>
          <Icon name="book" /> API explorer
        </a>
        <a href={`${base}/redoc`} className={styles.entry}>
          <Icon name="book" /> API reference
        </a>
        <button
          type="button"
          className={styles.entry}
          onClick={() => {
            setOpen(false)
            onHelp()
          }}
        >
          <Icon name="keyboard" /> Keyboard shortcuts
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
            <Icon name="key" /> Sign out {me.name}
          </button>
        )}
      </Popover.Dropdown>
    </Popover>
  )
}
