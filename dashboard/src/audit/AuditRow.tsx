import type { AuditEntry } from '../../../src/client/index.ts'
import { TaskLink } from '../kit/TaskLink.tsx'
import { say } from '../language/say.ts'
import { Time } from '../time/Time.tsx'
import { exactWords } from '../time/words.ts'
import { actionNames } from './filters.ts'
import styles from './AuditPage.module.css'

type Props = Readonly<{ entry: AuditEntry; onCaller: (name: string) => void }>

/** A change: when, who, what and why. */
export function AuditRow({ entry, onCaller }: Props) {
  const { at, caller, action, reason, request_id: request } = entry
  return (
    <tr>
      <td>
        <Time at={at} />
      </td>
      <td>
        <button
          type="button"
          className={styles.caller}
          title={caller.id === null ? say.audit.withoutKey : say.audit.keyOf(caller.id)}
          aria-label={say.audit.onlyChangesBy(caller.name)}
          onClick={() => onCaller(caller.name)}
        >
          {caller.name}
        </button>
      </td>
      <td className={styles.action} title={action}>
        {actionNames[action]}
      </td>
      <td>
        <Subject entry={entry} />
      </td>
      <td className={styles.reason}>
        {reason}
        {request !== null && (
          <span className={styles.request} title={say.audit.requestId}>
            {request}
          </span>
        )}
      </td>
    </tr>
  )
}

function Subject({
  entry: { action, task_id: task, target, filter, count },
}: Readonly<{ entry: AuditEntry }>) {
  if (task !== null) {
    return (
      <>
        {action === 'task.purge' ? <code title={task}>…{task.slice(-8)}</code> : <TaskLink id={task} />}{' '}
        {target?.name}
      </>
    )
  }
  const tasks = count === null ? '' : say.common.taskCount(count)
  if (filter !== null) {
    const facts = Object.entries(filter).map(([name, value]) => `${name}: ${wordsOf(name, value)}`)
    return (
      <>
        {tasks}
        <span className={styles.filter}>{facts.join(' · ')}</span>
      </>
    )
  }
  return [tasks, target?.name ?? target?.id ?? ''].filter((part) => part !== '').join(' · ')
}

function wordsOf(name: string, value: unknown): string {
  if (typeof value === 'number' && name.startsWith('created_')) return exactWords(value)
  return Array.isArray(value) ? value.join(', ') : String(value)
}
