import { TextInput } from '@mantine/core'
import type { TypeDetails } from '../../../src/client/index.ts'
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
  const expires = type.expires_in === null ? 'never' : durationWords(type.expires_in)
  const timeout = type.timeout === null ? 'none' : durationWords(type.timeout)
  return (
    <div className={styles.options}>
      {input('priority', 'Priority', 'Higher starts first · -1,000 to 1,000', '0')}
      {input('tags', 'Tags', 'Comma-separated labels for finding the task', 'nightly, customer-7')}
      {input('delay', 'Delay', 'Seconds, or a duration like 90s or 1h30m', 'none')}
      {input('run_at', 'Run at', 'In your time zone; cannot be combined with a delay')}
      {input(
        'expires_in',
        'Expires in',
        'Cancelled if it has not started by then; pauses do not count',
        expires,
      )}
      {input('timeout', 'Timeout', 'Maximum active time per attempt; pauses do not count', timeout)}
      {input('max_attempts', 'Attempts', 'Attempts before a failure is final', String(type.max_attempts))}
      {input(
        'idempotency_key',
        'Idempotency key',
        'Submitting again with the same key returns the original task',
      )}
      {input('after', 'After', 'Ids of tasks, comma-separated: starts once all of them have completed')}
      {input('unique', 'Unique key', 'If an unfinished task of the type has this key, you get that task')}
    </div>
  )
}
