import { ActionIcon, Tooltip } from '@mantine/core'
import { useClipboard } from '@mantine/hooks'
import { Icon } from './Icon.tsx'

/** Copies a text; `what` says which: "Copy the id". */
export function CopyButton({ text, what }: Readonly<{ text: string; what: string }>) {
  const { copied, copy } = useClipboard({ timeout: 1_500 })
  return (
    <Tooltip label={copied ? 'Copied' : `Copy ${what}`}>
      <ActionIcon variant="subtle" color="gray" aria-label={`Copy ${what}`} onClick={() => copy(text)}>
        <Icon name={copied ? 'check' : 'copy'} />
      </ActionIcon>
    </Tooltip>
  )
}
