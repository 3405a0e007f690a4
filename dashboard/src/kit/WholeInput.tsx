import { TextInput, type TextInputProps } from '@mantine/core'
import { useState } from 'react'

type Props = Omit<TextInputProps, 'value' | 'onChange'> &
  Readonly<{ text: string; onTake: (text: string) => void }>

/** A filter that is applied on blur or Enter, because names, tags and ids match as a whole. */
export function WholeInput({ text, onTake, ...props }: Props) {
  const [typed, setTyped] = useState(text)
  const [before, setBefore] = useState(text)
  if (before !== text) {
    setBefore(text)
    setTyped(text)
  }
  const take = () => {
    if (typed.trim() !== text) onTake(typed.trim())
  }
  return (
    <TextInput
      maxLength={200}
      spellCheck={false}
      {...props}
      value={typed}
      onChange={({ currentTarget }) => setTyped(currentTarget.value)}
      onBlur={take}
      onKeyDown={({ key }) => {
        if (key === 'Enter') take()
      }}
    />
  )
}
