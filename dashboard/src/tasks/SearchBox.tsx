import { Kbd, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useEffectEvent, useId, useRef, useState } from 'react'
import { reads } from '../data/reads.ts'
import { Icon } from '../kit/Icon.tsx'
import { useKeys } from '../keys/useKeys.ts'
import { say } from '../language/say.ts'
import type { Filters } from './filters.ts'
import { asked, completions, hasFilter } from './query.ts'

/** Milliseconds after the last keystroke before the search starts. */
const rest = 250

type Props = Readonly<{ filters: Filters; onChange: (filters: Filters) => void }>

/**
 * A query: words are searched for, and `type:import status:failed tag:nightly` become the filters beside it, on Enter or with the
 * space after them.
 */
export function SearchBox({ filters, onChange }: Props) {
  const { text } = filters
  const { data: types } = useQuery(reads.types())
  const list = useId()
  const [wrong, setWrong] = useState<readonly string[]>([])
  const box = useRef<HTMLInputElement>(null)
  const [typed, setTyped] = useState(text)
  /** The text last searched for, or last received. */
  const [known, setKnown] = useState(text)
  const search = useEffectEvent((wanted: string) => {
    if (wanted === text) return
    setKnown(wanted)
    onChange({ ...filters, text: wanted })
  })
  useEffect(() => {
    // A filter that is still being written is not text.
    if (hasFilter(typed)) return undefined
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
  const take = (whole: string) => {
    const found = asked(whole, filters)
    setWrong(found.wrong)
    if (found.wrong.length > 0) {
      setTyped(whole)
      return
    }
    setTyped(found.text)
    setKnown(found.text)
    onChange({ ...found.filters, text: found.text })
  }
  const write = (written: string) => {
    setWrong([])
    if (written.endsWith(' ') && hasFilter(written) && asked(written, filters).wrong.length === 0)
      take(written)
    else setTyped(written)
  }
  const options = completions(typed, { types: types?.available_tasks ?? [] })
  useKeys({ '/': () => box.current?.select() })
  return (
    <>
      <TextInput
        ref={box}
        type="search"
        aria-label={say.common.search}
        placeholder={say.tasks.idTextOrStatusFailed}
        list={list}
        autoComplete="off"
        error={wrong.length === 0 ? undefined : say.tasks.unknownValue(wrong.join(', '))}
        maxLength={200}
        leftSection={<Icon name="search" />}
        rightSection={<Kbd size="xs">/</Kbd>}
        value={typed}
        onChange={(event) => write(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') event.currentTarget.blur()
          if (event.key === 'Enter' && hasFilter(typed)) take(typed)
        }}
      />
      <datalist id={list}>
        {options.map((option) => (
          <option key={option} value={option} />
        ))}
      </datalist>
    </>
  )
}
