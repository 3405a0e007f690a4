import { Checkbox, Fieldset, NativeSelect, Textarea, TextInput } from '@mantine/core'
import type { ReactNode } from 'react'
import { keyOf, type Entries, type Faults } from './entries.ts'
import type { Field } from './schema.ts'
import styles from './SubmitForm.module.css'

type Props = Readonly<{
  fields: readonly Field[]
  entries: Entries
  faults: Faults
  change: (key: string, entry: string | boolean) => void
}>

/** An input for each parameter, according to its schema. */
export function FieldInputs({ fields, ...shared }: Props) {
  return fields.map((field) => <FieldInput key={keyOf(field)} field={field} {...shared} />)
}

function FieldInput({ field, entries, faults, change }: Omit<Props, 'fields'> & Readonly<{ field: Field }>) {
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
          <FieldInputs fields={field.fields} entries={entries} faults={faults} change={change} />
        </Fieldset>
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
            { value: '', label: field.fallback === undefined ? '' : `${shown(field.fallback)} (default)` },
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

/** Browsers hide only single lines on their own. */
function classOf({ isSensitive }: Field, ...classes: readonly (string | undefined)[]): string {
  return [...classes, ...(isSensitive ? [styles.hidden] : [])].filter(Boolean).join(' ')
}

/** The description and the allowed values. */
function describe({ description, hint, kind, isSensitive }: Field): ReactNode {
  const parts = [description, hint, kind === 'json' ? 'JSON' : '', isSensitive ? 'sensitive' : ''].filter(
    (part) => part !== '',
  )
  return parts.length === 0 ? undefined : parts.join(' · ')
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
