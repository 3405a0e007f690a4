import { Button, Checkbox, Popover, Stack } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { reads } from '../data/reads.ts'
import { Icon } from '../kit/Icon.tsx'
import { say } from '../language/say.ts'

type Props = Readonly<{ types: readonly string[]; onChange: (types: string[]) => void }>

export function TypeFilter({ types, onChange }: Props) {
  const { data } = useQuery(reads.types())
  const known = [...new Set([...(data?.available_tasks ?? []), ...types])].toSorted()
  const label =
    types.length === 0
      ? say.tasks.allTypes
      : types.length === 1
        ? types[0]
        : say.common.typeCount(types.length)
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
      <Popover.Dropdown aria-label={say.common.types}>
        <Checkbox.Group aria-label={say.common.types} value={[...types]} onChange={onChange}>
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
