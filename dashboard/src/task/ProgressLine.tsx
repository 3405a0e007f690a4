import type { Progress, Status } from '../data/shapes.ts'
import { ProgressBar } from '../kit/ProgressBar.tsx'
import { say } from '../language/say.ts'
import { durationWords, rateWords } from '../time/words.ts'
import { progressWords } from './progress.ts'
import styles from './ProgressLine.module.css'

type Props = Readonly<{ progress: Progress | null; status: Status; label: string }>

/** The progress of a task in a list row. If space is short, the rate is omitted first, then the time left. */
export function ProgressLine({ progress, status, label }: Props) {
  const { rate = null, eta_seconds: eta = null, ratio = null } = progress ?? {}
  return (
    <span className={styles.progress}>
      <span className={styles.line}>
        <span className={styles.words}>{progressWords(progress) ?? say.task.noProgressReportedYet}</span>
        <span className={styles.pace}>{eta !== null && say.common.left(durationWords(eta))}</span>
        {rate !== null && <span>{`${eta === null ? '' : '· '}${rateWords(rate)}`}</span>}
      </span>
      <ProgressBar ratio={ratio} status={status} label={label} />
    </span>
  )
}
