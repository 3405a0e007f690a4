import type { TaskError } from '../data/shapes.ts'
import { groupAddress } from '../failures/address.ts'
import { CopyButton } from '../kit/CopyButton.tsx'
import { errorWords, messageWords } from '../kit/errors.ts'
import { Icon } from '../kit/Icon.tsx'
import { QuietLink } from '../kit/QuietLink.tsx'
import { say } from '../language/say.ts'
import styles from './Failure.module.css'

/** Why the last attempt failed; `isFinal` if there is no retry. */
export function Failure({ error, isFinal }: Readonly<{ error: TaskError; isFinal: boolean }>) {
  const { code, name, fingerprint } = error
  return (
    <section className={styles.failure} aria-label={say.common.error} data-final={isFinal}>
      <Icon name="warning" size={18} />
      <div className={styles.text}>
        <p className={styles.code}>
          {isFinal ? '' : say.task.lastAttemptFailed}
          {code} <span>{name === code ? '' : name}</span>
        </p>
        <pre>{messageWords(error)}</pre>
      </div>
      {isFinal && fingerprint !== undefined && (
        <QuietLink to={groupAddress({ fingerprint })}>{say.task.failuresWithThisCause}</QuietLink>
      )}
      <CopyButton text={errorWords(error)} what={say.common.theError} />
    </section>
  )
}
