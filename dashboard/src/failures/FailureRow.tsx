import { Button } from '@mantine/core'
import { Link } from 'wouter'
import type { FailureGroup } from '../../../src/client/index.ts'
import { Sentence } from '../kit/Sentence.tsx'
import { messageWords } from '../kit/errors.ts'
import { Icon } from '../kit/Icon.tsx'
import { Sparkline } from '../kit/Sparkline.tsx'
import { TaskLink } from '../kit/TaskLink.tsx'
import { say } from '../language/say.ts'
import { Time } from '../time/Time.tsx'
import { countWords } from '../time/words.ts'
import styles from './Failures.module.css'
import { groupAddress } from './address.ts'

type Props = Readonly<{ of: FailureGroup; onRetry: (() => void) | undefined }>

/** A cause: its message, how often it occurs, since when, and in which types. */
export function FailureRow({ of: group, onRetry }: Props) {
  const { code, message, count, types, first_failed_at: first, last_failed_at: last, history } = group
  const tasks = say.common.taskCount(count)
  return (
    <li className={styles.group}>
      <div className={styles.what}>
        <Link href={groupAddress(group)} className={styles.cause}>
          <span className={styles.code}>{code}</span>
          <span className={styles.message}>
            {message === null ? say.failures.messageNotAvailable : messageWords({ code, message })}
          </span>
        </Link>
        <p className={styles.facts}>
          <Sentence of={say.failures.lastIn(<Time at={last} />, <TaskLink id={group.task_id} />)} />
          {count > 1 && (
            <>
              {say.failures.first}
              <Time at={first} />
            </>
          )}
          {' · '}
          {types.map(({ type, count: ofType }, index) => (
            <span key={type}>
              {index > 0 && ', '}
              <Link href={`/tasks?type=${encodeURIComponent(type)}&status=failed`}>{type}</Link>
              {types.length > 1 && ` ${countWords(ofType)}`}
            </span>
          ))}
        </p>
      </div>
      <Sparkline counts={history} label={say.failures.overTheSpan(tasks)} />
      <span className={styles.count} title={tasks}>
        {countWords(count)}
      </span>
      <span className={styles.actions}>
        {onRetry !== undefined && (
          <Button
            size="xs"
            variant="default"
            leftSection={<Icon name="retry" size={14} />}
            aria-label={
              count === 1 ? say.failures.retryThis(code) : say.failures.retryThese(countWords(count), code)
            }
            onClick={onRetry}
          >
            {count === 1 ? say.controls.retry.name : say.controls.retry.some(countWords(count))}
          </Button>
        )}
      </span>
    </li>
  )
}
