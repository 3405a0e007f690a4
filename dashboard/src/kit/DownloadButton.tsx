import { ActionIcon } from '@mantine/core'
import { say } from '../language/say.ts'
import { Icon } from './Icon.tsx'

type Props = Readonly<{
  text: string
  /** Name of the file. */
  file: string
  type: 'application/json' | 'text/plain'
  /** "the result". */
  what: string
}>

/** Saves a text as a file. */
export function DownloadButton({ text, file, type, what }: Props) {
  const label = say.kit.download(what)
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      aria-label={label}
      title={label}
      onClick={() => save(new Blob([text], { type }), file)}
    >
      <Icon name="download" />
    </ActionIcon>
  )
}

function save(blob: Blob, file: string): void {
  const url = URL.createObjectURL(blob)
  const link = document.createElement('a')
  link.href = url
  link.download = file
  link.click()
  // The browser has taken the contents by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}
