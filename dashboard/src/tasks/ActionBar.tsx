import { Button } from '@mantine/core'
import { useCan } from '../access/me.ts'
import { controlWords } from '../controls/words.ts'
import type { Control } from '../data/shapes.ts'
import { Icon } from '../kit/Icon.tsx'
import { say } from '../language/say.ts'
import styles from './ActionBar.module.css'
import { isEmpty, nothing, type Selection } from './selection.ts'
import type { useTable } from './useTable.ts'

type Props = Readonly<{
  table: ReturnType<typeof useTable>
  selection: Selection
  onSelect: (selection: Selection) => void
  onAct: (control: Control) => void
}>

/** Actions on the selected rows or, without a selection, on all matching tasks. */
export function ActionBar({ table, selection, onSelect, onAct }: Props) {
  const canControl = useCan('control')
  const isAll = selection.isAll || isEmpty(selection)
  return (
    <div
      className={styles.bar}
      role="toolbar"
      aria-label={say.common.actions}
      data-active={!isEmpty(selection)}
    >
      <span className={styles.what} aria-live="polite">
        {wordsOf(selection)}
      </span>
      {(canControl ? (Object.keys(controlWords) as Control[]) : []).map((control) => (
        <Button
          key={control}
          size="xs"
          variant="default"
          leftSection={<Icon name={controlWords[control].icon} size={14} />}
          disabled={table.ids.length === 0}
          onClick={() => onAct(control)}
        >
          {controlWords[control].name}
          {isAll ? '…' : ''}
        </Button>
      ))}
      {!isEmpty(selection) && (
        <>
          {!selection.isAll && (
            <Button size="xs" variant="subtle" onClick={() => onSelect({ ids: new Set(), isAll: true })}>
              {say.tasks.selectAllMatching}
            </Button>
          )}
          <Button size="xs" variant="subtle" color="gray" onClick={() => onSelect(nothing)}>
            {say.tasks.clear}
          </Button>
        </>
      )}
    </div>
  )
}

function wordsOf(selection: Selection): string {
  if (selection.isAll) return say.tasks.allMatchingTasksSelected
  return selection.ids.size === 0 ? say.tasks.allMatchingTasks : say.tasks.selected(selection.ids.size)
}
