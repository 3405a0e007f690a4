import { Button, Divider, Popover, Radio, Stack, TextInput } from '@mantine/core'
import { Icon } from '../kit/Icon.tsx'
import { localInput, timeOfInput } from '../time/input.ts'
import { exactDay } from '../time/words.ts'
import { spans, type Filters, type Span } from './filters.ts'

const names: Readonly<Record<Span, string>> = {
  '15m': 'Last 15 minutes',
  '1h': 'Last hour',
  '24h': 'Last 24 hours',
  '7d': 'Last 7 days',
}

type Times = Pick<Filters, 'since' | 'from' | 'until' | 'order'>
type Props = Readonly<{ filters: Filters; onChange: (times: Partial<Times>) => void }>

/** When the tasks were submitted, and which come first. */
export function TimeFilter({ filters, onChange }: Props) {
  const { since, from, until, order } = filters
  const choice = since ?? (from === null && until === null ? 'any' : '')
  return (
    <Popover position="bottom-start" shadow="md" trapFocus returnFocus width={270}>
      <Popover.Target>
        <Button
          variant="default"
          leftSection={<Icon name="clock" />}
          rightSection={<Icon name="down" size={14} />}
        >
          {labelOf(filters)}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Time of submission">
        <Stack gap="sm">
          <Radio.Group
            label="Submitted"
            value={choice}
            onChange={(value) =>
              onChange({ since: value === 'any' ? null : (value as Span), from: null, until: null })
            }
          >
            <Stack gap="xs" mt="xs">
              <Radio value="any" label="At any time" />
              {Object.keys(spans).map((span) => (
                <Radio key={span} value={span} label={names[span as Span]} />
              ))}
            </Stack>
          </Radio.Group>
          <TextInput
            type="datetime-local"
            label="From"
            value={localInput(from)}
            onChange={(event) => onChange({ since: null, from: timeOfInput(event.currentTarget.value) })}
          />
          <TextInput
            type="datetime-local"
            label="Until"
            value={localInput(until)}
            onChange={(event) => onChange({ since: null, until: timeOfInput(event.currentTarget.value) })}
          />
          <Divider />
          <Radio.Group
            label="Order"
            value={order}
            onChange={(value) => onChange({ order: value === 'oldest' ? 'oldest' : 'newest' })}
          >
            <Stack gap="xs" mt="xs">
              <Radio value="newest" label="Newest first" />
              <Radio value="oldest" label="Oldest first" />
            </Stack>
          </Radio.Group>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  )
}

function labelOf({ since, from, until, order }: Times): string {
  if (since !== null) return names[since]
  if (from !== null && until !== null) return `${exactDay(from)} – ${exactDay(until)}`
  if (from !== null) return `From ${exactDay(from)}`
  if (until !== null) return `Until ${exactDay(until)}`
  return order === 'oldest' ? 'Oldest first' : 'Any time'
}
