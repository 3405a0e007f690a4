import { Button, NativeSelect, TextInput } from '@mantine/core'
import { Icon } from '../kit/Icon.tsx'
import { WholeInput } from '../kit/WholeInput.tsx'
import { say } from '../language/say.ts'
import { localInput, timeOfInput } from '../time/input.ts'
import { actionNames, isAction, noFilters, searchOf, type AuditFilters } from './filters.ts'
import styles from './AuditPage.module.css'

type Props = Readonly<{ filters: AuditFilters; onChange: (filters: AuditFilters) => void }>

/** The filters of the log. All of them are in the URL. */
export function AuditFilterBar({ filters, onChange }: Props) {
  const set = (part: Partial<AuditFilters>) => onChange({ ...filters, ...part })
  return (
    <search className={styles.fields} aria-label={say.common.filters}>
      <WholeInput label={say.audit.caller} text={filters.caller} onTake={(caller) => set({ caller })} />
      <NativeSelect
        label={say.audit.action}
        value={filters.action ?? ''}
        data={[
          { value: '', label: say.audit.allActions },
          ...Object.entries(actionNames).map(([value, label]) => ({ value, label })),
        ]}
        onChange={({ currentTarget: { value } }) => set({ action: isAction(value) ? value : null })}
      />
      <WholeInput label={say.common.task} text={filters.task} onTake={(task) => set({ task })} />
      <TextInput
        type="datetime-local"
        label={say.audit.after}
        value={localInput(filters.from)}
        onChange={({ currentTarget }) => set({ from: timeOfInput(currentTarget.value) })}
      />
      <TextInput
        type="datetime-local"
        label={say.audit.before}
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
          {say.common.clearFilters}
        </Button>
      )}
    </search>
  )
}
