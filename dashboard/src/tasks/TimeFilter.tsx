import { Button, NativeSelect, Popover, Stack, TextInput } from '@mantine/core'
import type { ListOrder } from '../../../src/contract/filter-words.ts'
import { Choice } from '../kit/Choice.tsx'
import { Icon } from '../kit/Icon.tsx'
import { localInput, timeOfInput } from '../time/input.ts'
import { exactDay } from '../time/words.ts'
import { noFilters, orderOf, type Filters, type Span } from './filters.ts'

const choices: readonly Readonly<{ value: Span | 'any'; name: string }>[] = [
  { value: 'any', name: 'Any time' },
  { value: '15m', name: '15 min' },
  { value: '1h', name: 'Hour' },
  { value: '24h', name: 'Day' },
  { value: '7d', name: 'Week' },
]

const names: Readonly<Record<Span, string>> = {
  '15m': 'Last 15 minutes',
  '1h': 'Last hour',
  '24h': 'Last 24 hours',
  '7d': 'Last 7 days',
}

const orders: Readonly<Record<ListOrder, string>> = {
  newest: 'Newest first',
  oldest: 'Oldest first',
  ended_newest: 'Latest end first',
  ended_oldest: 'Earliest end first',
  longest: 'Longest first',
  shortest: 'Shortest first',
}

type Times = Pick<Filters, 'since' | 'from' | 'until' | 'order'>
type Props = Readonly<{ filters: Filters; onChange: (times: Partial<Times>) => void }>

/** Submission time and order. */
export function TimeFilter({ filters, onChange }: Props) {
  const { since, from, until, order } = filters
  return (
    <Popover position="bottom-end" shadow="md" trapFocus returnFocus>
      <Popover.Target>
        <Button
          variant="default"
          leftSection={<Icon name="clock" />}
          rightSection={<Icon name="down" size={14} />}
        >
          {labelOf(filters)}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Submission time">
        <Stack gap="sm">
          <Choice
            label="Submitted within the last"
            value={since ?? (from === null && until === null ? 'any' : ('' as 'any'))}
            choices={choices}
            onChange={(value) => onChange({ since: value === 'any' ? null : value, from: null, until: null })}
          />
          <TextInput
            type="datetime-local"
            label="Submitted after"
            value={localInput(from)}
            onChange={(event) => onChange({ since: null, from: timeOfInput(event.currentTarget.value) })}
          />
          <TextInput
            type="datetime-local"
            label="Submitted before"
            value={localInput(until)}
            onChange={(event) => onChange({ since: null, until: timeOfInput(event.currentTarget.value) })}
          />
          <NativeSelect
            label="Order"
            value={order}
            data={Object.entries(orders).map(([value, label]) => ({ value, label }))}
            onChange={({ currentTarget }) => onChange({ order: orderOf(currentTarget.value) ?? 'newest' })}
          />
        </Stack>
      </Popover.Dropdown>
    </Popover>
  )
}

function labelOf({ since, from, until, order }: Times): string {
  const first = order === noFilters.order ? '' : `, ${orders[order].toLowerCase()}`
  if (since !== null) return `${names[since]}${first}`
  if (from !== null && until !== null) return `${exactDay(from)} – ${exactDay(until)}${first}`
  if (from !== null) return `After ${exactDay(from)}${first}`
  if (until !== null) return `Before ${exactDay(until)}${first}`
  return order === noFilters.order ? 'Any time' : orders[order]
}
