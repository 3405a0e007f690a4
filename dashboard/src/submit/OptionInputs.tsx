import { TextInput } from '@mantine/core'
import type { TypeDetails } from '../../../src/client/index.ts'
import { say } from '../language/say.ts'
import { durationWords } from '../time/words.ts'
import type { Faults } from './entries.ts'
import type { OptionEntries } from './options.ts'
import styles from './SubmitForm.module.css'

type Props = Readonly<{
  type: TypeDetails
  entries: OptionEntries
  faults: Faults
  change: (name: keyof OptionEntries, text: string) => void
}>

/** Options of the submit; empty ones use the defaults of the type. */
export function OptionInputs({ type, entries, faults, change }: Props) {
  const input = (name: keyof OptionEntries, label: string, description: string, placeholder = '') => (
    <TextInput
      label={label}
      name={`option-${name}`}
      description={description}
      placeholder={placeholder}
      error={faults[name]}
      value={entries[name]}
      autoComplete="off"
      {...(name === 'run_at' ? { type: 'datetime-local' } : {})}
      onChange={(event) => change(name, event.currentTarget.value)}
    />
  )
  const expires = type.expires_in === null ? say.common.never : durationWords(type.expires_in)
  const timeout = type.timeout === null ? say.submit.none : durationWords(type.timeout)
  return (
    <div className={styles.options}>
      {input('priority', say.common.priority, say.submit.priorityHint, '0')}
      {input('tags', say.common.tags, say.submit.tagsHint, say.submit.tagsExample)}
      {input('delay', say.submit.delay, say.submit.delayHint, say.submit.none)}
      {input('run_at', say.submit.runAt, say.submit.runAtHint)}
      {input('expires_in', say.submit.expiresIn, say.submit.expiresHint, expires)}
      {input('timeout', say.common.timeout, say.submit.timeoutHint, timeout)}
      {input('max_attempts', say.common.attempts, say.submit.attemptsHint, String(type.max_attempts))}
      {input('idempotency_key', say.submit.idempotencyKey, say.submit.idempotencyHint)}
      {input('after', say.submit.after, say.submit.afterHint)}
      {input('unique', say.submit.uniqueKey, say.submit.uniqueHint)}
    </div>
  )
}
