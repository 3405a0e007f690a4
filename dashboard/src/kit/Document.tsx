import { Button } from '@mantine/core'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useMemo, useRef, useState, type ReactNode } from 'react'
import { say } from '../language/say.ts'
import { Card } from './Card.tsx'
import { CopyButton } from './CopyButton.tsx'
import styles from './Document.module.css'
import { DownloadButton } from './DownloadButton.tsx'
import { foldedAt, piecesOf, tokensOf } from './json.ts'
import { exactCount, oneDecimal } from '../time/words.ts'

/** Longer documents are drawn only where they are visible. */
const drawnAtOnce = 20_000

type Props = Readonly<{
  title: string
  value: unknown
  /** Name of the file of a download, without `.json`. */
  file: string
}>

/** A JSON document to read, copy and save. Large ones are folded. */
export function Document({ title, value, file }: Props) {
  const text = useMemo(() => JSON.stringify(value, null, 2) ?? 'null', [value])
  const [isOpen, setOpen] = useState(false)
  const fold = foldedAt(text)
  const what = say.kit.the(title)
  return (
    <Card
      title={title}
      aside={
        <span className={styles.aside}>
          <DownloadButton text={text} file={`${file}.json`} type="application/json" what={what} />
          <CopyButton text={text} what={what} />
        </span>
      }
    >
      {fold === null || (isOpen && text.length <= drawnAtOnce) ? (
        <Pre title={title}>{coloured(text)}</Pre>
      ) : isOpen ? (
        <LongText title={title} text={text} />
      ) : (
        <Pre title={title}>{coloured(text.slice(0, fold))}…</Pre>
      )}
      {fold !== null && (
        <Button variant="default" size="xs" mt="xs" onClick={() => setOpen(!isOpen)}>
          {isOpen ? say.kit.showLess : say.kit.showAll(sizeWords(text.length))}
        </Button>
      )}
    </Card>
  )
}

function Pre({ title, children }: Readonly<{ title: string; children: ReactNode }>) {
  return (
    <pre className={styles.document} tabIndex={0} aria-label={title}>
      {children}
    </pre>
  )
}

/** Only the visible pieces exist; each has its own height. */
function LongText({ title, text }: Readonly<{ title: string; text: string }>) {
  const box = useRef<HTMLPreElement>(null)
  const pieces = useMemo(() => piecesOf(text), [text])
  const rows = useVirtualizer({
    count: pieces.length,
    getScrollElement: () => box.current,
    estimateSize: () => 20,
    overscan: 20,
  })
  return (
    <pre ref={box} className={`${styles.document} ${styles.long}`} tabIndex={0} aria-label={title}>
      <span className={styles.whole} style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map(({ index, start }) => (
          <span
            key={index}
            ref={rows.measureElement}
            data-index={index}
            className={styles.piece}
            style={{ transform: `translateY(${start}px)` }}
          >
            {coloured(pieces[index] ?? '')}
          </span>
        ))}
      </span>
    </pre>
  )
}

function coloured(json: string): ReactNode {
  return tokensOf(json).map(({ kind, text }, index) =>
    kind === null ? (
      text
    ) : (
      <span key={index} className={styles[kind]}>
        {text}
      </span>
    ),
  )
}

function sizeWords(letters: number): string {
  if (letters < 1_000) return say.kit.characters(letters)
  return letters < 1_000_000
    ? `${exactCount(Math.round(letters / 1_000))} kB`
    : `${oneDecimal(letters / 1_000_000)} MB`
}
