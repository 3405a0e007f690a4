import { Alert, Button, NativeSelect, Textarea, TextInput } from '@mantine/core'
import { useEffect, useRef, useState } from 'react'
import type { ScheduleDetails, TypeDetails } from '../../../src/client/index.ts'
import { Card } from '../kit/Card.tsx'
import { Choice } from '../kit/Choice.tsx'
import { Icon } from '../kit/Icon.tsx'
import { ParameterInputs } from '../submit/ParameterInputs.tsx'
import { entriesOfSchedule, newEntries, type ScheduleEntries } from './draft.ts'
import { Preview } from './Preview.tsx'
import styles from './Schedules.module.css'
import { useScheduleForm } from './useScheduleForm.ts'
import { catchUpNames, overlapNames, selectable } from './words.ts'

type Types = Readonly<Record<string, TypeDetails>>
type Props = Readonly<{
  types: Types
  /** The schedule that is edited; a new one otherwise. */
  schedule?: ScheduleDetails
  onDone: (id: string) => void
  onCancel: () => void
}>

const timings = [
  { value: 'cron', name: 'Cron' },
  { value: 'every', name: 'Interval' },
] as const

/** Creates or edits a schedule. Another type starts with its own example. */
export function ScheduleForm({ types, schedule, onDone, onCancel }: Props) {
  const names = Object.keys(types)
  const [name, setName] = useState(schedule?.type ?? names[0] ?? '')
  const [entries, setEntries] = useState(() =>
    schedule === undefined
      ? newEntries(Intl.DateTimeFormat().resolvedOptions().timeZone)
      : entriesOfSchedule(schedule),
  )
  const type = types[name]
  const choice = (current: ScheduleEntries) => (
    <NativeSelect
      label="Type"
      description={type?.description}
      value={name}
      data={names.includes(name) ? names : [name, ...names]}
      onChange={({ currentTarget }) => {
        setEntries(current)
        setName(currentTarget.value)
      }}
    />
  )
  if (type === undefined) {
    return (
      <Card>
        {choice(entries)}
        <p role="alert">
          No node that this page can reach knows this type. Choose another, or start a node with it.
        </p>
      </Card>
    )
  }
  return (
    <Inputs
      key={name}
      type={type}
      schedule={schedule}
      entries={entries}
      choice={choice}
      onDone={onDone}
      onCancel={onCancel}
    />
  )
}

type InputsProps = Readonly<{
  type: TypeDetails
  schedule: ScheduleDetails | undefined
  entries: ScheduleEntries
  choice: (current: ScheduleEntries) => React.ReactNode
  onDone: (id: string) => void
  onCancel: () => void
}>

function Inputs({ type, schedule, entries: begun, choice, onDone, onCancel }: InputsProps) {
  const form = useScheduleForm({ type, schedule, entries: begun }, onDone)
  const { entries, refused, parameters } = form
  const element = useRef<HTMLFormElement>(null)
  useEffect(() => {
    element.current?.querySelector<HTMLElement>('[aria-invalid="true"], [role="alert"]')?.focus()
  }, [refused, parameters.faults])
  const input = (
    name:
      | 'id'
      | 'description'
      | 'every'
      | 'timezone'
      | 'window'
      | 'max'
      | 'pauseOnFailures'
      | 'fairnessKey'
      | 'callbackUrl',
    path: string,
    label: string,
    description: string,
    more: Readonly<{ placeholder?: string; list?: string; disabled?: boolean }> = {},
  ) => (
    <TextInput
      label={label}
      description={description}
      error={refused.at[path]}
      value={entries[name]}
      autoComplete="off"
      spellCheck={false}
      onChange={({ currentTarget }) => form.change({ [name]: currentTarget.value })}
      {...more}
    />
  )
  return (
    <Card>
      <form
        ref={element}
        className={styles.form}
        noValidate
        aria-label={schedule === undefined ? 'New schedule' : `Schedule ${schedule.id}`}
        onSubmit={(event) => {
          event.preventDefault()
          form.send()
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.send()
        }}
      >
        {refused.head.length > 0 && (
          <Alert color="red" title="Not saved" icon={<Icon name="warning" />} tabIndex={-1}>
            {refused.head.join('; ')}
          </Alert>
        )}
        <div className={styles.inputs}>
          {input('id', 'id', 'ID', 'Letters, digits, “_”, “-” or “.”; empty to generate one', {
            disabled: schedule !== undefined,
          })}
          {input('description', 'description', 'Description', 'For people')}
        </div>
        <h2 className={styles.part}>When it ticks</h2>
        <div className={styles.choice}>
          <Choice
            label="Kind of times"
            value={entries.timing}
            choices={timings}
            onChange={(timing) => form.change({ timing })}
          />
        </div>
        <div className={styles.inputs}>
          {entries.timing === 'cron' ? (
            <>
              <Textarea
                label="Cron expression"
                description="Minute, hour, day, month, weekday; several expressions one per line"
                error={refused.at['cron']}
                value={entries.cron}
                autosize
                minRows={1}
                maxRows={20}
                spellCheck={false}
                classNames={{ input: styles.code ?? '' }}
                onChange={({ currentTarget }) => form.change({ cron: currentTarget.value })}
              />
              {input('timezone', 'timezone', 'Time zone', 'IANA name, such as Europe/Berlin', {
                placeholder: 'UTC',
                list: 'time-zones',
              })}
              <datalist id="time-zones">
                {Intl.supportedValuesOf('timeZone').map((zone) => (
                  <option key={zone} value={zone} />
                ))}
              </datalist>
            </>
          ) : (
            input('every', 'every', 'Every', 'Whole seconds, or a duration like 90s or 1h30m')
          )}
        </div>
        <Preview draft={form.draft()} />
        <h2 className={styles.part}>What it submits</h2>
        {choice(entries)}
        {form.isMasked && (
          <Alert color="yellow">Sensitive values are not shown to you: enter them again.</Alert>
        )}
        <ParameterInputs of={parameters} />
        <h2 className={styles.part}>When its tasks start and end</h2>
        <div className={styles.inputs}>
          <Textarea
            label="Limits"
            description="Name and key, like mail-api=acme; several one per line"
            error={refused.at['limits']}
            value={entries.limits}
            autosize
            minRows={1}
            maxRows={8}
            spellCheck={false}
            onChange={({ currentTarget }) => form.change({ limits: currentTarget.value })}
          />
          {input(
            'fairnessKey',
            'fairness_key',
            'Fairness key',
            'Tasks with different keys take turns; empty for none',
          )}
          {input(
            'callbackUrl',
            'callback_url',
            'Callback URL',
            'Told of the end of each task; empty for none',
          )}
        </div>
        <h2 className={styles.part}>Exceptions</h2>
        <div className={styles.inputs}>
          <NativeSelect
            label="If the last run has not ended"
            value={entries.overlap}
            data={selectable(overlapNames)}
            error={refused.at['overlap']}
            onChange={({ currentTarget }) =>
              form.change({ overlap: currentTarget.value as ScheduleEntries['overlap'] })
            }
          />
          <NativeSelect
            label="If ticks were missed"
            value={entries.mode}
            data={selectable(catchUpNames)}
            onChange={({ currentTarget }) =>
              form.change({ mode: currentTarget.value as ScheduleEntries['mode'] })
            }
          />
          {entries.mode !== 'skip' &&
            input('window', 'catch_up.window', 'Unless they are later than', 'A duration like 1h30m', {
              placeholder: entries.mode === 'all' ? 'no limit' : '1h',
            })}
          {entries.mode === 'all' &&
            input('max', 'catch_up.max', 'At most', 'The newest ones, up to 1,000', { placeholder: '100' })}
          {input(
            'pauseOnFailures',
            'pause_on_failures',
            'Pause after failures',
            'Failed runs in a row, 1 to 20',
            {
              placeholder: 'never',
            },
          )}
        </div>
        <div className={styles.buttons}>
          <Button type="submit" loading={form.isSending}>
            {schedule === undefined ? 'Create schedule' : 'Save schedule'}
          </Button>
          <Button variant="default" onClick={onCancel}>
            Cancel
          </Button>
        </div>
      </form>
    </Card>
  )
}
