import { Link } from 'wouter'
import type { ScheduleDetails } from '../../../src/client/index.ts'
import { say } from '../language/say.ts'
import { Time } from '../time/Time.tsx'
import { zonedWords } from '../time/words.ts'
import { RunStrip } from './RunStrip.tsx'
import { ScheduleActions } from './ScheduleActions.tsx'
import styles from './Schedules.module.css'
import { zoneOf } from './words.ts'

type Props = Readonly<{ of: ScheduleDetails; isAlone?: boolean }>

/** A schedule: what it submits and when, its next tick, its last runs, and what can be done to it. */
export function ScheduleFacts({ of: schedule, isAlone = false }: Props) {
  const { id, type, description, cron, timezone, paused, next_at: next, buffered } = schedule
  return (
    <div className={styles.schedule}>
      <div className={styles.what}>
        <div className={styles.name}>
          {isAlone ? type : <Link href={`/schedules/${encodeURIComponent(id)}`}>{id}</Link>}
          {paused && <span className={styles.badge}>{say.common.paused}</span>}
        </div>
        <div className={styles.facts}>
          {[...(isAlone ? [] : [type]), description].filter(Boolean).join(' · ')}
        </div>
        <div>
          {schedule.in_words}
          {cron !== null && <span className={styles.facts}>{` · ${timezone}`}</span>}
        </div>
        {cron !== null && <code className={styles.facts}>{cron.join('; ')}</code>}
        {paused && (
          <div className={styles.facts}>
            {say.schedules.pausedBy(schedule.paused_by)}
            {schedule.paused_reason !== null && `: ${schedule.paused_reason}`}
          </div>
        )}
      </div>
      <div className={styles.when}>
        {next === null ? (
          <span className={styles.facts}>
            {paused ? say.schedules.noNextTickWhilePaused : say.schedules.noTickIsLeft}
          </span>
        ) : (
          <>
            <div>
              {say.schedules.nextTick}
              <Time at={next} />
            </div>
            <div className={styles.facts}>{zonedWords(next, zoneOf(schedule))}</div>
          </>
        )}
        {buffered > 0 && <div className={styles.facts}>{say.schedules.ticksWait(buffered)}</div>}
        <RunStrip of={schedule} />
      </div>
      <ScheduleActions of={schedule} />
    </div>
  )
}
