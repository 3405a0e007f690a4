import { Button, NativeSelect, TextInput } from '@mantine/core'
import { useState } from 'react'
import { Icon } from '../kit/Icon.tsx'
import { localInput, timeOfInput } from '../time/input.ts'
import { actionNames, isAction, noFilters, searchOf, type AuditFilters } from './filters.ts'
import styles from './AuditPage.module.css'

type Props = Readonly<{ filters: AuditFilters; onChange: (filters: AuditFilters) => void }>

/** The filters of the log. All of them are in the URL. */
export function AuditFilterBar({ filters, onChange }: Props) {
  const set = (part: Partial<AuditFilters>) => onChange({ ...filters, ...part })
  return (
    <search className={styles.fields} aria-label="Filters">
      <Whole
        key={`c${filters.caller}`}
        label="Caller"
        text={filters.caller}
        onTake={(caller) => set({ caller })}
      />
      <NativeSelect
        label="Action"
        value={filters.action ?? ''}
        data={[
          { value: '', label: 'All actions' },
          ...Object.entries(actionNames).map(([value, label]) => ({ value, label })),
        ]}
        onChange={({ currentTarget: { value } }) => set({ action: isAction(value) ? value : null })}
      />
      <Whole key={`t${filters.task}`} label="Task" text={filters.task} onTake={(task) => set({ task })} />
      <TextInput
        type="datetime-local"
        label="After"
        value={localInput(filters.from)}
        onChange={({ currentTarget }) => set({ from: timeOfInput(currentTarget.value) })}
      />
      <TextInput
        type="datetime-local"
        label="Before"
        value={localInput(filters.until)}
        onChange={({ currentTarget }) => set({ until: timeOfInput(currentTarget.value) })}
      />
      {searchOf(filters) !== '' && (
        <Button
          variant="subtle"
          color="gray"
          leftSection={<Icon name="close" size={14} />}
          onClick={() => onChange(noFilters)}
        >
          Clear filters
        </Button>
      )}
    </search>
  )
}

type WholeProps = Readonly<{ label: string; text: string; onTake: (text: string) => void }>

/** Applied on blur or Enter, because names and ids match as a whole. */
function Whole({ label, text, onTake }: WholeProps) {
  const [typed, setTyped] = useState(text)
  const take = () => {
    if (typed.trim() !== text) onTake(typed.trim())
  }
  return (
    <TextInput
      label={label}
      maxLength={200}
      spellCheck={false}
      value={typed}
      onChange={({ currentTarget }) => setTyped(currentTarget.value)}
      onBlur={take}
      onKeyDown={({ key }) => {
        if (key === 'Enter') take()
      }}
    />
  )
}
