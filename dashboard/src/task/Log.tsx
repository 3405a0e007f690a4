import { Button } from '@mantine/core'
import { useLayoutEffect, useRef, useState } from 'react'
import { Card } from '../kit/Card.tsx'
import { CopyButton } from '../kit/CopyButton.tsx'
import { Icon } from '../kit/Icon.tsx'
import { clockWords, exactWords } from '../time/words.ts'
import styles from './Log.module.css'
import { useLog } from './useLog.ts'

/** Within this many pixels of the end, the log counts as scrolled to the end. */
const nearness = 24

/** The log of the task. It follows new lines until the reader scrolls back. */
export function Log({ id, isLive }: Readonly<{ id: string; isLive: boolean }>) {
  const lines = useLog(id)
  const box = useRef<HTMLDivElement>(null)
  const [isFollowing, setFollowing] = useState(true)
  useLayoutEffect(() => {
    if (isFollowing) box.current?.scrollTo({ top: box.current.scrollHeight })
  }, [lines, isFollowing])
  if (lines.length === 0) return null
  const text = lines.map(({ at, message }) => `${new Date(at * 1_000).toISOString()} ${message}`).join('\n')
  return (
    <Card
      title="Log"
      aside={
        <span className={styles.aside}>
          {isLive && !isFollowing && (
            <Button
              size="xs"
              variant="subtle"
              leftSection={<Icon name="down" />}
              onClick={() => setFollowing(true)}
            >
              Follow
            </Button>
          )}
          <CopyButton text={text} what="the log" />
        </span>
      }
    >
      <div
        ref={box}
        className={styles.log}
        role="log"
        aria-label="Log"
        aria-live="off"
        tabIndex={0}
        onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) =>
          setFollowing(scrollTop + clientHeight >= scrollHeight - nearness)
        }
      >
        {lines.map(({ number, at, attempt, message }) => (
          <div key={number} className={styles.line}>
            <time title={`${exactWords(at)}, attempt ${attempt}`}>{clockWords(at)}</time>
            <span>{message}</span>
          </div>
        ))}
      </div>
    </Card>
  )
}
