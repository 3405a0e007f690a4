import { ActionIcon } from '@mantine/core'
import { useClipboard } from '@mantine/hooks'
import { say } from '../language/say.ts'
import { Icon } from './Icon.tsx'

/** Copies a text; `what` names it: "the id". */
export function CopyButton({ text, what }: Readonly<{ text: string; what: string }>) {
  const { copied, copy } = useClipboard({ timeout: 1_500 })
  const label = copied ? say.kit.copied : say.kit.copy(what)
  return (
    <ActionIcon variant="subtle" color="gray" aria-label={label} title={label} onClick={() => copy(text)}>
      <Icon name={copied ? 'check' : 'copy'} />
    </ActionIcon>
  )
}
