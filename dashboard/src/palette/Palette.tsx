import { useId, useRef, useState, type KeyboardEvent } from 'react'
import { Dialog } from '../kit/Dialog.tsx'
import { Icon } from '../kit/Icon.tsx'
import { say } from '../language/say.ts'
import { groups } from './entries.ts'
import styles from './Palette.module.css'
import { useEntries } from './useEntries.ts'

type Props = Readonly<{ isOpen: boolean; onClose: () => void; onHelp: () => void }>

/** Finds tasks by id, and opens pages, types and tags, or does something, by name. */
export function Palette({ isOpen, onClose, onHelp }: Props) {
  return (
    <Dialog title={say.common.commandPalette} isOpen={isOpen} onClose={onClose}>
      <Finder onClose={onClose} onHelp={onHelp} />
    </Dialog>
  )
}

function Finder({ onClose, onHelp }: Omit<Props, 'isOpen'>) {
  const [query, setQuery] = useState('')
  const [chosen, setChosen] = useState(0)
  const { entries, isLooking } = useEntries(query, onHelp)
  const list = useRef<HTMLDivElement>(null)
  const id = useId()
  const index = Math.min(chosen, entries.length - 1)
  const run = (at: number) => {
    const entry = entries[at]
    if (entry === undefined) return
    onClose()
    entry.run()
  }
  const go = (to: number) => {
    const next = (to + entries.length) % Math.max(1, entries.length)
    setChosen(next)
    list.current?.querySelector(`[data-index="${next}"]`)?.scrollIntoView({ block: 'nearest' })
  }
  const keys: Readonly<Record<string, () => void>> = {
    ArrowDown: () => go(index + 1),
    ArrowUp: () => go(index - 1),
    Enter: () => run(index),
  }
  const take = (event: KeyboardEvent) => {
    const action = keys[event.key]
    if (action === undefined) return
    event.preventDefault()
    action()
  }
  const shown = groups
    .map((group) => ({
      group,
      members: entries.map((entry, at) => ({ entry, at })).filter(({ entry }) => entry.group === group),
    }))
    .filter(({ members }) => members.length > 0)
  return (
    <div className={styles.palette}>
      <input
        // The dialog was opened for this field.
        autoFocus
        className={styles.input}
        type="text"
        role="combobox"
        aria-label={say.palette.label}
        aria-expanded="true"
        aria-controls={`${id}list`}
        aria-activedescendant={entries.length === 0 ? undefined : `${id}${index}`}
        placeholder={say.palette.placeholder}
        spellCheck={false}
        autoComplete="off"
        maxLength={200}
        value={query}
        onChange={({ currentTarget }) => {
          setQuery(currentTarget.value)
          setChosen(0)
        }}
        onKeyDown={take}
      />
      <div
        ref={list}
        id={`${id}list`}
        className={styles.list}
        role="listbox"
        aria-label={say.palette.results}
      >
        {shown.map(({ group, members }) => (
          <div key={group} role="group" aria-label={say.palette.groups[group]}>
            <div className={styles.group} aria-hidden="true">
              {say.palette.groups[group]}
            </div>
            {members.map(({ entry, at }) => (
              // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
              <div
                key={entry.key}
                id={`${id}${at}`}
                data-index={at}
                role="option"
                tabIndex={-1}
                aria-selected={at === index}
                className={styles.entry}
                onClick={() => run(at)}
                onPointerMove={() => setChosen(at)}
              >
                <Icon name={entry.icon} />
                <span className={styles.name}>{entry.name}</span>
                <span className={styles.hint}>{entry.hint}</span>
              </div>
            ))}
          </div>
        ))}
      </div>
      {entries.length === 0 && (
        <p className={styles.none} role="status">
          {isLooking ? say.palette.lookingForTheTask : say.palette.nothingFound}
        </p>
      )}
    </div>
  )
}
