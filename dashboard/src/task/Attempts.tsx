import { Button } from '@mantine/core'
import { useState } from 'react'
import type { TaskDetails } from '../data/shapes.ts'
import { Card } from '../kit/Card.tsx'
import { Dialog } from '../kit/Dialog.tsx'
import { errorWords, isShownAbove } from '../kit/errors.ts'
import { say } from '../language/say.ts'
import { Time } from '../time/Time.tsx'
import { durationWords } from '../time/words.ts'
import styles from './Attempts.module.css'
import { Compare } from './Compare.tsx'
import { eventName } from './events.ts'

/** The attempts and how each ended, newest first. */
export function Attempts({ task }: Readonly<{ task: TaskDetails }>) {
  const { attempts, error: shown } = task
  const [isOpen, setOpen] = useState(false)
  const compare = attempts.length > 1 && (
    <Button size="compact-xs" variant="subtle" onClick={() => setOpen(true)}>
      {say.task.compare}
    </Button>
  )
  return (
    <Card title={say.common.attempts} aside={compare} flush>
      <ol className={styles.attempts} reversed>
        {attempts.toReversed().map(({ attempt, started_at: from, ended_at: to, error, event }) => (
          <li key={attempt} className={styles.attempt}>
            <span className={styles.number}>{attempt}</span>
            <span className={styles.text}>
              <span className={styles.head}>
                {to === null
                  ? say.common.inProgress
                  : event === null
                    ? say.common.finished
                    : eventName(event)}
                {from !== null && <Time at={from} />}
                {from !== null && to !== null && <span>{durationWords(to - from)}</span>}
              </span>
              {error !== null && (
                <span className={styles.error}>
                  {isShownAbove(error, shown) ? error.code : errorWords(error)}
                </span>
              )}
            </span>
          </li>
        ))}
      </ol>
      <Dialog title={say.task.compareAttempts} isOpen={isOpen} isWide onClose={() => setOpen(false)}>
        <Compare task={task} />
      </Dialog>
    </Card>
  )
}
