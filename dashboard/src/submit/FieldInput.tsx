import { Button, Checkbox, Fieldset, NativeSelect, Textarea, TextInput } from '@mantine/core'
import type { ReactNode } from 'react'
import { Choice } from '../kit/Choice.tsx'
import { Icon } from '../kit/Icon.tsx'
import { say } from '../language/say.ts'
import { localInput, timeOfInput } from '../time/input.ts'
import {
  innerOf,
  keyOf,
  shapeOf,
  sizeKeyOf,
  sizeOf,
  withoutRow,
  type Entries,
  type Faults,
} from './entries.ts'
import type { Field } from './schema.ts'
import styles from './SubmitForm.module.css'

type Props = Readonly<{
  fields: readonly Field[]
  entries: Entries
  faults: Faults
  change: (key: string, entry: string | boolean) => void
  changeAll: (entries: Entries) => void
}>

/** An input for each parameter, according to its schema. */
export function FieldInputs({ fields, ...shared }: Props) {
  return fields.map((field) => <FieldInput key={keyOf(field)} field={field} {...shared} />)
}

type FieldProps = Omit<Props, 'fields'> & Readonly<{ field: Field }>

function FieldInput({ field, ...shared }: FieldProps) {
  const { entries, faults, change } = shared
  const key = keyOf(field)
  const entry = entries[key]
  const text = typeof entry === 'string' ? entry : ''
  const { label, isRequired: required, kind } = field
  const common = {
    label,
    name: key,
    required,
    description: describe(field),
    error: faults[key],
    placeholder: field.fallback === undefined ? undefined : shown(field.fallback),
  }
  switch (kind) {
    case 'group':
      return (
        <Fieldset legend={label} className={styles.group}>
          {describe(field)}
          <FieldInputs fields={field.fields} {...shared} />
        </Fieldset>
      )
    case 'rows':
      return <Rows field={field} {...shared} />
    case 'union':
      return <Union field={field} {...shared} />
    case 'fixed':
      return null
    case 'date':
      return (
        <TextInput
          {...common}
          type={field.hasTime ? 'datetime-local' : 'date'}
          step={field.hasTime ? 1 : undefined}
          value={field.hasTime ? localInput(timeOfInput(text)) : text}
          onChange={({ currentTarget: { value } }) => {
            const at = timeOfInput(value)
            change(key, field.hasTime && at !== null ? new Date(at * 1_000).toISOString() : value)
          }}
        />
      )
    case 'switch':
      return (
        <Checkbox
          label={label}
          name={key}
          description={describe(field)}
          error={faults[key]}
          checked={typeof entry === 'boolean' ? entry : field.fallback === true}
          onChange={(event) => change(key, event.currentTarget.checked)}
        />
      )
    case 'choice':
      return (
        <NativeSelect
          {...common}
          value={text}
          onChange={(event) => change(key, event.currentTarget.value)}
          data={[
            {
              value: '',
              label: field.fallback === undefined ? '' : say.submit.byDefault(shown(field.fallback)),
            },
            ...field.choices.map((choice) => ({ value: JSON.stringify(choice), label: shown(choice) })),
          ]}
        />
      )
    case 'lines':
    case 'json':
      return (
        <Textarea
          {...common}
          value={text}
          autosize
          minRows={2}
          maxRows={16}
          classNames={{ input: classOf(field, styles.code) }}
          spellCheck={false}
          onChange={(event) => change(key, event.currentTarget.value)}
        />
      )
    default:
      return kind === 'text' && field.isLong ? (
        <Textarea
          {...common}
          value={text}
          autosize
          minRows={3}
          maxRows={16}
          classNames={{ input: classOf(field) }}
          onChange={(event) => change(key, event.currentTarget.value)}
        />
      ) : (
        <TextInput
          {...common}
          value={text}
          type={field.isSensitive ? 'password' : 'text'}
          inputMode={kind === 'number' ? (field.isWhole ? 'numeric' : 'decimal') : undefined}
          autoComplete={field.isSensitive ? 'new-password' : 'off'}
          onChange={(event) => change(key, event.currentTarget.value)}
        />
      )
  }
}

/** A list of objects, one below the other. */
function Rows({ field, ...shared }: FieldProps & Readonly<{ field: Field & { kind: 'rows' } }>) {
  const { entries, faults, change, changeAll } = shared
  const size = sizeOf(field, entries)
  return (
    <Fieldset legend={legendOf(field)} className={styles.group}>
      {describe(field)}
      {Array.from({ length: size }, (_, index) => (
        <Fieldset key={index} legend={`${field.label} ${index + 1}`} className={styles.group}>
          <FieldInputs fields={field.rowOf(index)} {...shared} />
          <Button
            className={styles.row ?? ''}
            size="compact-sm"
            variant="subtle"
            color="gray"
            aria-label={say.submit.removeRow(field.label, index + 1)}
            onClick={() => changeAll(withoutRow(field, entries, index))}
          >
            {say.submit.remove}
          </Button>
        </Fieldset>
      ))}
      <Button
        className={styles.row ?? ''}
        size="compact-sm"
        variant="default"
        leftSection={<Icon name="plus" size={14} />}
        aria-label={say.submit.addTo(field.label)}
        onClick={() => change(sizeKeyOf(field), String(size + 1))}
      >
        {say.submit.add}
      </Button>
      <Fault of={faults[keyOf(field)]} />
    </Fieldset>
  )
}

/** One of several shapes, chosen above its fields. */
function Union({ field, ...shared }: FieldProps & Readonly<{ field: Field & { kind: 'union' } }>) {
  const { entries, faults, change } = shared
  const shape = shapeOf(field, entries)
  const names = field.options.map(({ name }, index) => ({ value: String(index), name }))
  const choices = field.isRequired ? names : [{ value: '', name: say.common.none }, ...names]
  return (
    <Fieldset legend={legendOf(field)} className={styles.group}>
      {describe(field)}
      <Choice
        label={field.label}
        value={shape === null ? '' : String(shape)}
        choices={choices}
        onChange={(value) => change(sizeKeyOf(field), value)}
      />
      {(innerOf(field, entries) ?? []).map((inner) =>
        inner.kind === 'group' ? (
          <FieldInputs key={shape} fields={inner.fields} {...shared} />
        ) : (
          <FieldInput key={shape} field={inner} {...shared} />
        ),
      )}
      {(innerOf(field, entries) ?? []).every(({ kind }) => kind === 'group') && (
        <Fault of={faults[keyOf(field)]} />
      )}
    </Fieldset>
  )
}

function legendOf({ label, isRequired }: Field): string {
  return isRequired ? `${label} *` : label
}

function Fault({ of: message }: Readonly<{ of: string | undefined }>) {
  return message === undefined ? null : (
    <p className={styles.fault} role="alert" tabIndex={-1}>
      {message}
    </p>
  )
}

/** Browsers hide only single lines on their own. */
function classOf({ isSensitive }: Field, ...classes: readonly (string | undefined)[]): string {
  return [...classes, ...(isSensitive ? [styles.hidden] : [])].filter(Boolean).join(' ')
}

/** The description and the allowed values. */
function describe({ description, hint, kind, isSensitive }: Field): ReactNode {
  const parts = [
    description,
    hint,
    kind === 'json' ? 'JSON' : '',
    isSensitive ? say.submit.sensitive : '',
  ].filter((part) => part !== '')
  return parts.length === 0 ? undefined : parts.join(' · ')
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
