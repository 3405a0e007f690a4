import { Alert, Button, NativeSelect, Textarea, TextInput } from '@mantine/core'
import { useEffect, useRef, useState } from 'react'
import type { ScheduleDetails, TypeDetails } from '../../../src/client/index.ts'
import { Card } from '../kit/Card.tsx'
import { Choice } from '../kit/Choice.tsx'
import { Icon } from '../kit/Icon.tsx'
import { say } from '../language/say.ts'
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
  { value: 'cron', name: say.schedules.cron },
  { value: 'every', name: say.schedules.interval },
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
      label={say.common.type}
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
        <p role="alert">{say.schedules.typeUnknown}</p>
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
        aria-label={
          schedule === undefined ? say.schedules.newSchedule : say.schedules.scheduleOne(schedule.id)
        }
        onSubmit={(event) => {
          event.preventDefault()
          form.send()
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.send()
        }}
      >
        {refused.head.length > 0 && (
          <Alert color="red" title={say.schedules.notSaved} icon={<Icon name="warning" />} tabIndex={-1}>
            {refused.head.join('; ')}
          </Alert>
        )}
        <div className={styles.inputs}>
          {input('id', 'id', 'ID', say.schedules.idHint, {
            disabled: schedule !== undefined,
          })}
          {input('description', 'description', say.common.description, say.schedules.forPeople)}
        </div>
        <h2 className={styles.part}>{say.schedules.whenItTicks}</h2>
        <div className={styles.choice}>
          <Choice
            label={say.schedules.kindOfTimes}
            value={entries.timing}
            choices={timings}
            onChange={(timing) => form.change({ timing })}
          />
        </div>
        <div className={styles.inputs}>
          {entries.timing === 'cron' ? (
            <>
              <Textarea
                label={say.schedules.cronExpression}
                description={say.schedules.cronHint}
                error={refused.at['cron']}
                value={entries.cron}
                autosize
                minRows={1}
                maxRows={20}
                spellCheck={false}
                classNames={{ input: styles.code ?? '' }}
                onChange={({ currentTarget }) => form.change({ cron: currentTarget.value })}
              />
              {input('timezone', 'timezone', say.common.timeZone, say.schedules.timeZoneHint, {
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
            input('every', 'every', say.schedules.every, say.schedules.everyHint)
          )}
        </div>
        <Preview draft={form.draft()} />
        <h2 className={styles.part}>{say.schedules.whatItSubmits}</h2>
        {choice(entries)}
        {form.isMasked && <Alert color="yellow">{say.common.enterSensitiveAgain}</Alert>}
        <ParameterInputs of={parameters} />
        <h2 className={styles.part}>{say.schedules.whenTasksStart}</h2>
        <div className={styles.inputs}>
          <Textarea
            label={say.common.limits}
            description={say.schedules.limitsHint}
            error={refused.at['limits']}
            value={entries.limits}
            autosize
            minRows={1}
            maxRows={8}
            spellCheck={false}
            onChange={({ currentTarget }) => form.change({ limits: currentTarget.value })}
          />
          {input('fairnessKey', 'fairness_key', say.schedules.fairnessKey, say.schedules.fairnessHint)}
          {input('callbackUrl', 'callback_url', say.schedules.callbackUrl, say.schedules.callbackHint)}
        </div>
        <h2 className={styles.part}>{say.schedules.exceptions}</h2>
        <div className={styles.inputs}>
          <NativeSelect
            label={say.schedules.overlap}
            value={entries.overlap}
            data={selectable(overlapNames)}
            error={refused.at['overlap']}
            onChange={({ currentTarget }) =>
              form.change({ overlap: currentTarget.value as ScheduleEntries['overlap'] })
            }
          />
          <NativeSelect
            label={say.schedules.ifTicksWereMissed}
            value={entries.mode}
            data={selectable(catchUpNames)}
            onChange={({ currentTarget }) =>
              form.change({ mode: currentTarget.value as ScheduleEntries['mode'] })
            }
          />
          {entries.mode !== 'skip' &&
            input('window', 'catch_up.window', say.schedules.window, say.schedules.windowHint, {
              placeholder: entries.mode === 'all' ? say.schedules.noLimit : '1h',
            })}
          {entries.mode === 'all' &&
            input('max', 'catch_up.max', say.schedules.atMost, say.schedules.atMostHint, {
              placeholder: '100',
            })}
          {input(
            'pauseOnFailures',
            'pause_on_failures',
            say.schedules.pauseAfterFailures,
            say.schedules.pauseAfterFailuresHint,
            {
              placeholder: say.common.never,
            },
          )}
        </div>
        <div className={styles.buttons}>
          <Button type="submit" loading={form.isSending}>
            {schedule === undefined ? say.schedules.createSchedule : say.schedules.saveSchedule}
          </Button>
          <Button variant="default" onClick={onCancel}>
            {say.common.cancel}
          </Button>
        </div>
      </form>
    </Card>
  )
}
