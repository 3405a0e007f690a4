import { Kbd, TextInput } from '@mantine/core'
import { useEffect, useEffectEvent, useRef, useState } from 'react'
import { Icon } from '../kit/Icon.tsx'
import { useKeys } from '../keys/useKeys.ts'

/** Milliseconds after the last keystroke before the search starts. */
const rest = 250

export function SearchBox({ text, onChange }: Readonly<{ text: string; onChange: (text: string) => void }>) {
  const box = useRef<HTMLInputElement>(null)
  const [typed, setTyped] = useState(text)
  /** The text last searched for, or last received. */
  const [known, setKnown] = useState(text)
  const search = useEffectEvent((wanted: string) => {
    if (wanted === text) return
    setKnown(wanted)
    onChange(wanted)
  })
  useEffect(() => {
    const timer = setTimeout(() => search(typed.trim()), rest)
    return () => clearTimeout(timer)
  }, [typed])
  // Cleared, or changed by navigation. A response to an own search must not undo what was typed since.
  const [before, setBefore] = useState(text)
  if (before !== text) {
    setBefore(text)
    setKnown(text)
    if (known !== text) setTyped(text)
  }
  useKeys({ '/': () => box.current?.select() })
  return (
    <TextInput
      ref={box}
      type="search"
      aria-label="Search"
      placeholder="ID, or text in parameters or error"
      maxLength={200}
      leftSection={<Icon name="search" />}
      rightSection={<Kbd size="xs">/</Kbd>}
      value={typed}
      onChange={(event) => setTyped(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === 'Escape') event.currentTarget.blur()
      }}
    />
  )
}
