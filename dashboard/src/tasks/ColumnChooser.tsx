import { Button, Checkbox, Popover, Stack } from '@mantine/core'
import { Icon } from '../kit/Icon.tsx'
import { say } from '../language/say.ts'
import { allColumns, columns, toggled, usualColumns, type Column } from './columns.ts'
import styles from './ColumnChooser.module.css'

type Props = Readonly<{
  /** Null: those that fit. */
  chosen: readonly Column[] | null
  shown: readonly Column[] | null
  onChange: (chosen: readonly Column[] | null) => void
}>

/** Which columns the table shows, on screens that are wide enough for a table. */
export function ColumnChooser({ chosen, shown, onChange }: Props) {
  const present = shown ?? usualColumns
  return (
    <div className={styles.chooser}>
      <Popover position="bottom-end" shadow="md" trapFocus returnFocus>
        <Popover.Target>
          <Button variant="default" rightSection={<Icon name="down" size={14} />}>
            {say.common.columns}
          </Button>
        </Popover.Target>
        <Popover.Dropdown aria-label={say.common.columns}>
          <Stack gap="xs">
            {allColumns.map((column) => (
              <Checkbox
                key={column}
                size="xs"
                label={columns[column].name}
                checked={present.includes(column)}
                onChange={() => onChange(toggled(present, column))}
              />
            ))}
            <Button
              variant="subtle"
              size="compact-xs"
              disabled={chosen === null}
              onClick={() => onChange(null)}
            >
              {say.tasks.showTheUsualColumns}
            </Button>
          </Stack>
        </Popover.Dropdown>
      </Popover>
    </div>
  )
}
