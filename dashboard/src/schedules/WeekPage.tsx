import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useSearchParams } from 'wouter'
import { reads } from '../data/reads.ts'
import { EmptyState } from '../kit/EmptyState.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { Page } from '../kit/Page.tsx'
import { PagedList } from '../kit/PagedList.tsx'
import { say } from '../language/say.ts'
import { dayWords, minuteWords } from '../time/words.ts'
import { dateOf, laterBy, mondayOf, weekOf, type Day, type Planned } from './week.ts'
import styles from './Week.module.css'

/** The ticks of all schedules in one week, in the reader's time zone; `?week=` with a date chooses which. */
export function WeekPage() {
  const [search] = useSearchParams()
  const list = useInfiniteQuery(reads.schedules())
  const now = new Date()
  const monday = mondayOf(search.get('week'), now)
  const to = (days: number) => `/schedules?week=${dateOf(laterBy(days, monday))}`
  return (
    <Page
      title={say.common.week}
      actions={
        <>
          <LinkButton to={to(-7)} variant="default">
            {say.schedules.previous}
          </LinkButton>
          <LinkButton to="/schedules?week" variant="default">
            {say.schedules.thisWeek}
          </LinkButton>
          <LinkButton to={to(7)} variant="default">
            {say.schedules.next}
          </LinkButton>
          <LinkButton to="/schedules" variant="default">
            {say.schedules.list}
          </LinkButton>
        </>
      }
    >
      <PagedList
        of={list}
        itemsOf={({ schedules }) => schedules}
        more={say.schedules.showMoreSchedules}
        empty={
          <EmptyState icon="calendar" title={say.schedules.noSchedules}>
            <p>{say.schedules.weekIsEmpty}</p>
          </EmptyState>
        }
      >
        {(schedules) => {
          const { days, often } = weekOf(schedules, monday)
          return (
            <>
              {often.length > 0 && (
                <ul className={styles.often} aria-label={say.schedules.manyTimesADay}>
                  {often.map(({ id, in_words: words }) => (
                    <li key={id}>
                      <ScheduleLink id={id} /> <span className={styles.soft}>{words}</span>
                    </li>
                  ))}
                </ul>
              )}
              <ol className={styles.week}>
                {days.map((day) => (
                  <DayColumn key={dateOf(day.start)} of={day} now={now} />
                ))}
              </ol>
            </>
          )
        }}
      </PagedList>
    </Page>
  )
}

function DayColumn({ of: { start, planned }, now }: Readonly<{ of: Day; now: Date }>) {
  const isToday = dateOf(start) === dateOf(now)
  return (
    <li className={styles.day} aria-label={dayWords(start)} aria-current={isToday ? 'date' : undefined}>
      <h2 className={styles.date}>{dayWords(start)}</h2>
      {planned.length === 0 ? (
        <p className={styles.none}>{say.schedules.noTicks}</p>
      ) : (
        <ol className={styles.ticks}>
          {planned.map((one) => (
            <Tick key={`${one.at} ${one.schedule.id}`} of={one} isPast={one.at * 1_000 < now.getTime()} />
          ))}
        </ol>
      )}
    </li>
  )
}

function Tick({ of: { at, schedule }, isPast }: Readonly<{ of: Planned; isPast: boolean }>) {
  return (
    <li className={isPast ? styles.past : undefined}>
      <time dateTime={new Date(at * 1_000).toISOString()}>{minuteWords(at)}</time>{' '}
      <ScheduleLink id={schedule.id} />
    </li>
  )
}

function ScheduleLink({ id }: Readonly<{ id: string }>) {
  return <Link href={`/schedules/${encodeURIComponent(id)}`}>{id}</Link>
}
