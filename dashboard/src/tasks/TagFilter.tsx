import { TextInput } from '@mantine/core'
import { useState } from 'react'
import { Icon } from '../kit/Icon.tsx'

/** Applied on blur or Enter, because tags match as a whole. */
export function TagFilter({ tag, onChange }: Readonly<{ tag: string; onChange: (tag: string) => void }>) {
  const [typed, setTyped] = useState(tag)
  const take = () => {
    if (typed.trim() !== tag) onChange(typed.trim())
  }
  return (
    <TextInput
      aria-label="Tag"
      placeholder="Tag"
      maxLength={200}
      leftSection={<Icon name="tag" />}
      value={typed}
      onChange={(event) => setTyped(event.currentTarget.value)}
      onBlur={take}
      onKeyDown={(event) => {
        if (event.key === 'Enter') take()
      }}
    />
  )
}
