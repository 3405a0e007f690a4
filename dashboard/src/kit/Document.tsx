import { Button } from '@mantine/core'
import { useMemo, useState } from 'react'
import { Card } from './Card.tsx'
import { CopyButton } from './CopyButton.tsx'
import styles from './Document.module.css'
import { foldedAt, tokensOf } from './json.ts'

/** A JSON document to read and copy. Large ones are folded. */
export function Document({ title, value }: Readonly<{ title: string; value: unknown }>) {
  const text = useMemo(() => JSON.stringify(value, null, 2) ?? 'null', [value])
  const [isOpen, setOpen] = useState(false)
  const fold = foldedAt(text)
  const shown = isOpen || fold === null ? text : text.slice(0, fold)
  return (
    <Card title={title} aside={<CopyButton text={text} what={`the ${title.toLowerCase()}`} />}>
      <pre className={styles.document} tabIndex={0} aria-label={title}>
        {tokensOf(shown).map(({ kind, text: part }, index) =>
          kind === null ? (
            part
          ) : (
            <span key={index} className={styles[kind]}>
              {part}
            </span>
          ),
        )}
        {shown.length < text.length && '…'}
      </pre>
      {fold !== null && (
        <Button variant="default" size="xs" mt="xs" onClick={() => setOpen(!isOpen)}>
          {isOpen ? 'Show less' : `Show all (${sizeWords(text.length)})`}
        </Button>
      )}
    </Card>
  )
}

function sizeWords(letters: number): string {
  if (letters < 1_000) return `${letters} characters`
  return letters < 1_000_000 ? `${Math.round(letters / 1_000)} kB` : `${(letters / 1_000_000).toFixed(1)} MB`
}
