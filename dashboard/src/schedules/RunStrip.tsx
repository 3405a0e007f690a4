import { Link } from 'wouter'
import type { ScheduleDetails } from '../../../src/client/index.ts'
import { statusName } from '../data/statuses.ts'
import { Icon } from '../kit/Icon.tsx'
import { say } from '../language/say.ts'
import { statusColour } from '../theme/statuses.ts'
import { zonedWords } from '../time/words.ts'
import styles from './Schedules.module.css'
import { runIcons, zoneOf } from './words.ts'

/** The newest runs that fit, oldest first, each a link to its task. */
export function RunStrip({ of: schedule }: Readonly<{ of: ScheduleDetails }>) {
  if (schedule.runs.length === 0) return <p className={styles.none}>{say.schedules.noRunsYet}</p>
  return (
    <ol className={styles.strip} aria-label={say.schedules.lastRunsOf(schedule.id)}>
      {schedule.runs.slice(0, 12).map(({ tick_at: at, task_id: id, status }) => {
        const label = `${status === null ? say.schedules.deleted : statusName(status)}, ${zonedWords(at, zoneOf(schedule))}`
        return (
          <li key={`${at} ${id}`}>
            <Link
              href={`/tasks/${encodeURIComponent(id)}`}
              className={styles.run}
              aria-label={label}
              title={label}
              style={
                status === null
                  ? undefined
                  : { background: statusColour(status, 'soft'), color: statusColour(status, 'ink') }
              }
            >
              <Icon name={status === null ? 'more' : runIcons[status]} size={12} />
            </Link>
          </li>
        )
      })}
    </ol>
  )
}
