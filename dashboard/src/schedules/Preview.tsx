import { useDebouncedValue } from '@mantine/hooks'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import type { ScheduleDraft } from '../../../src/client/index.ts'
import { client, isFermataError } from '../data/client.ts'
import { say } from '../language/say.ts'
import { zonedWords } from '../time/words.ts'
import styles from './Schedules.module.css'

/** Milliseconds without input after which the server is asked. */
const pause = 300

/** The times of a draft in words, and its next ticks in its time zone. The server checks the draft on the way. */
export function Preview({ draft }: Readonly<{ draft: ScheduleDraft }>) {
  const [text] = useDebouncedValue(JSON.stringify(draft), pause)
  const { data, error } = useQuery({
    queryKey: ['preview', text],
    queryFn: ({ signal }) => client.previewSchedule(JSON.parse(text) as ScheduleDraft, { signal }),
    placeholderData: keepPreviousData,
    staleTime: 30_000,
  })
  return (
    <section className={styles.preview} aria-label={say.schedules.preview} aria-live="polite">
      {error !== null ? (
        <p className={styles.fault}>{isFermataError(error) ? error.detail : String(error)}</p>
      ) : data === undefined ? (
        <p>{say.schedules.loadingTheNextTicks}</p>
      ) : (
        <>
          <p className={styles.words}>{data.in_words}</p>
          {data.next_ticks.length === 0 ? (
            <p>{say.schedules.noTickIsLeft}</p>
          ) : (
            <ol className={styles.ticks}>
              {data.next_ticks.map((tick) => (
                <li key={tick}>{zonedWords(tick, draft.cron === undefined ? undefined : draft.timezone)}</li>
              ))}
            </ol>
          )}
        </>
      )}
    </section>
  )
}
