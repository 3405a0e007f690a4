import { ActionIcon, Button, TextInput } from '@mantine/core'
import { useLocalStorage } from '@mantine/hooks'
import { Fragment, useLayoutEffect, useMemo, useRef, useState, type ReactNode } from 'react'
import type { LogLine } from '../data/shapes.ts'
import { Card } from '../kit/Card.tsx'
import { CopyButton } from '../kit/CopyButton.tsx'
import { DownloadButton } from '../kit/DownloadButton.tsx'
import { Icon } from '../kit/Icon.tsx'
import { say } from '../language/say.ts'
import { exactWords, preciseClockWords } from '../time/words.ts'
import { piecesOfLine, withoutAnsi } from './ansi.ts'
import styles from './Log.module.css'
import { useLog } from './useLog.ts'

/** Within this many pixels of the end, the log counts as scrolled to the end. */
const nearness = 24

/** The log of the task. It follows new lines until the reader scrolls back or searches. */
export function Log({ id, isLive }: Readonly<{ id: string; isLive: boolean }>) {
  const lines = useLog(id)
  const box = useRef<HTMLDivElement>(null)
  const [isFollowing, setFollowing] = useState(true)
  const [wraps, setWraps] = useLocalStorage({ key: 'fermata-log-wraps', defaultValue: true })
  const [query, setQuery] = useState('')
  const [found, setFound] = useState(0)
  const plain = useMemo(() => lines.map(({ message }) => withoutAnsi(message)), [lines])
  const wanted = query.trim().toLowerCase()
  const matches = useMemo(
    () =>
      wanted === ''
        ? []
        : plain.flatMap((text, index) => (text.toLowerCase().includes(wanted) ? [index] : [])),
    [plain, wanted],
  )
  const current = matches[found % Math.max(1, matches.length)]
  useLayoutEffect(() => {
    if (isFollowing && wanted === '') box.current?.scrollTo({ top: box.current.scrollHeight })
  }, [lines, isFollowing, wanted])
  useLayoutEffect(() => {
    if (current === undefined) return
    box.current?.querySelector(`[data-line="${current}"]`)?.scrollIntoView({ block: 'nearest' })
  }, [current])
  if (lines.length === 0) return null
  const text = lines
    .map(({ at }, index) => `${new Date(at * 1_000).toISOString()} ${plain[index] ?? ''}`)
    .join('\n')
  return (
    <Card
      title={say.task.log}
      aside={
        <span className={styles.aside}>
          {isLive && !isFollowing && (
            <Button
              size="xs"
              variant="subtle"
              leftSection={<Icon name="down" />}
              onClick={() => setFollowing(true)}
            >
              {say.task.follow}
            </Button>
          )}
          <ActionIcon
            variant={wraps ? 'light' : 'subtle'}
            color="gray"
            aria-label={say.task.wrapLongLines}
            title={say.task.wrapLongLines}
            aria-pressed={wraps}
            onClick={() => setWraps(!wraps)}
          >
            <Icon name="wrap" />
          </ActionIcon>
          <DownloadButton text={text} file={`${id}.log`} type="text/plain" what={say.task.theLog} />
          <CopyButton text={text} what={say.task.theLog} />
        </span>
      }
    >
      <div className={styles.find}>
        <TextInput
          type="search"
          size="xs"
          aria-label={say.task.findInLog}
          placeholder={say.task.find}
          maxLength={200}
          leftSection={<Icon name="search" size={14} />}
          value={query}
          onChange={({ currentTarget }) => {
            setQuery(currentTarget.value)
            setFound(0)
          }}
          onKeyDown={({ key, shiftKey }) => {
            if (key === 'Enter')
              setFound((found + (shiftKey ? matches.length - 1 : 1)) % Math.max(1, matches.length))
          }}
        />
        <span role="status">{wanted === '' ? '' : foundWords(found, matches.length)}</span>
      </div>
      <div
        ref={box}
        className={styles.log}
        data-wraps={wraps}
        role="log"
        aria-label={say.task.log}
        aria-live="off"
        tabIndex={0}
        onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) =>
          setFollowing(scrollTop + clientHeight >= scrollHeight - nearness)
        }
      >
        {lines.map((line, index) => (
          <Fragment key={line.number}>
            {line.attempt !== lines[index - 1]?.attempt && lines[0]?.attempt !== lines.at(-1)?.attempt && (
              <div className={styles.divider}>{say.task.attemptNumber(line.attempt)}</div>
            )}
            <Line line={line} index={index} isFound={index === current} wanted={wanted} />
          </Fragment>
        ))}
      </div>
    </Card>
  )
}

type LineProps = Readonly<{ line: LogLine; index: number; isFound: boolean; wanted: string }>

function Line({ line: { at, attempt, message }, index, isFound, wanted }: LineProps) {
  return (
    <div className={styles.line} data-line={index} data-found={isFound}>
      <time title={`${exactWords(at)}${say.task.attemptAfter(attempt)}`}>{preciseClockWords(at)}</time>
      <span>
        {piecesOfLine(message).map(({ text, colour, isBold, isFaint }, piece) => (
          <span
            key={piece}
            {...(colour === null ? {} : { 'data-colour': colour })}
            {...(isBold ? { 'data-bold': true } : {})}
            {...(isFaint ? { 'data-faint': true } : {})}
          >
            {marked(text, wanted)}
          </span>
        ))}
      </span>
    </div>
  )
}

/** Matches within one style are marked; those across two are only counted. */
function marked(text: string, wanted: string): ReactNode {
  if (wanted === '') return text
  const parts: ReactNode[] = []
  const lower = text.toLowerCase()
  let end = 0
  for (let at = lower.indexOf(wanted); at !== -1; at = lower.indexOf(wanted, end)) {
    parts.push(text.slice(end, at), <mark key={at}>{text.slice(at, at + wanted.length)}</mark>)
    end = at + wanted.length
  }
  return [...parts, text.slice(end)]
}

function foundWords(found: number, count: number): string {
  if (count === 0) return say.task.notFound
  return say.task.lineOf((found % count) + 1, count)
}
