import { Button, Checkbox, Popover, Stack } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { reads } from '../data/reads.ts'
import { Icon } from '../kit/Icon.tsx'

type Props = Readonly<{ types: readonly string[]; onChange: (types: string[]) => void }>

export function TypeFilter({ types, onChange }: Props) {
  const { data } = useQuery(reads.types())
  const known = [...new Set([...(data?.available_tasks ?? []), ...types])].toSorted()
  const label = types.length === 0 ? 'All types' : types.length === 1 ? types[0] : `${types.length} types`
  return (
    <Popover position="bottom-start" shadow="md" trapFocus returnFocus>
      <Popover.Target>
        <Button
          variant="default"
          leftSection={<Icon name="shapes" />}
          rightSection={<Icon name="down" size={14} />}
        >
          {label}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Types">
        <Checkbox.Group aria-label="Types" value={[...types]} onChange={onChange}>
          <Stack gap="xs" mah={320} style={{ overflowY: 'auto' }}>
            {known.map((type) => (
              <Checkbox key={type} value={type} label={type} />
            ))}
          </Stack>
        </Checkbox.Group>
      </Popover.Dropdown>
    </Popover>
  )
}
