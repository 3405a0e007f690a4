import type { ReactNode } from 'react'
import type { TaskWait } from '../../../src/client/index.ts'
import { say } from '../language/say.ts'
import { Time } from '../time/Time.tsx'
import styles from './Waits.module.css'

type Props = Readonly<{
  of: TaskWait
  /** The task, where the entry is not on its page. */
  task?: ReactNode
  /** The form, or what opens it. */
  children: ReactNode
}>

/** A question of a task, and its answer if there is one. */
export function WaitEntry({ of: wait, task, children }: Props) {
  const { name, occurrence, message, status, created_at: created, expires_at: expires } = wait
  const title = occurrence > 1 ? `${name} (${occurrence})` : name
  return (
    <div className={styles.wait}>
      <div className={styles.what}>
        <span className={styles.name}>{message ?? title}</span>
        <span className={styles.facts}>
          {task}
          {message !== null && <span>{title}</span>}
          <span>
            {say.waits.asked} <Time at={created} />
          </span>
          {status === 'open' && expires !== null && (
            <span>
              {say.waits.timesOut} <Time at={expires} />
            </span>
          )}
          {status === 'timed_out' && <span>{say.waits.timedOut}</span>}
          {status === 'ended' && <span>{say.waits.endedWithoutAnswer}</span>}
        </span>
        {wait.answered_at !== null && (
          <span className={styles.facts}>
            <span>
              {say.waits.answered} <Time at={wait.answered_at} />
              {wait.answered_by !== null && say.waits.answeredBy(wait.answered_by)}
            </span>
            <code className={styles.answer}>{JSON.stringify(wait.answer)}</code>
          </span>
        )}
      </div>
      {children}
    </div>
  )
}
