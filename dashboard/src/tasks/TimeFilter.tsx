import { Button, NativeSelect, Popover, Stack, TextInput } from '@mantine/core'
import type { ListOrder } from '../../../src/contract/filter-words.ts'
import { Choice } from '../kit/Choice.tsx'
import { Icon } from '../kit/Icon.tsx'
import { say } from '../language/say.ts'
import { localInput, timeOfInput } from '../time/input.ts'
import { exactDay } from '../time/words.ts'
import { noFilters, orderOf, type Filters, type Span } from './filters.ts'

const choices: readonly Readonly<{ value: Span | 'any'; name: string }>[] = [
  { value: 'any', name: say.common.anyTime },
  { value: '15m', name: say.common.minutes15 },
  { value: '1h', name: say.common.hour },
  { value: '24h', name: say.common.day },
  { value: '7d', name: say.common.week },
]

const names: Readonly<Record<Span, string>> = {
  '15m': say.tasks.last15Minutes,
  '1h': say.tasks.lastHour,
  '24h': say.tasks.last24Hours,
  '7d': say.tasks.last7Days,
}

const orders: Readonly<Record<ListOrder, string>> = {
  newest: say.tasks.newestFirst,
  oldest: say.tasks.oldestFirst,
  ended_newest: say.tasks.latestEndFirst,
  ended_oldest: say.tasks.earliestEndFirst,
  longest: say.tasks.longestFirst,
  shortest: say.tasks.shortestFirst,
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
      <Popover.Dropdown aria-label={say.tasks.submissionTime}>
        <Stack gap="sm">
          <Choice
            label={say.tasks.submittedWithinTheLast}
            value={since ?? (from === null && until === null ? 'any' : ('' as 'any'))}
            choices={choices}
            onChange={(value) => onChange({ since: value === 'any' ? null : value, from: null, until: null })}
          />
          <TextInput
            type="datetime-local"
            label={say.tasks.submittedAfter}
            value={localInput(from)}
            onChange={(event) => onChange({ since: null, from: timeOfInput(event.currentTarget.value) })}
          />
          <TextInput
            type="datetime-local"
            label={say.tasks.submittedBefore}
            value={localInput(until)}
            onChange={(event) => onChange({ since: null, until: timeOfInput(event.currentTarget.value) })}
          />
          <NativeSelect
            label={say.tasks.order}
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
  if (from !== null) return `${say.tasks.after(exactDay(from))}${first}`
  if (until !== null) return `${say.tasks.before(exactDay(until))}${first}`
  return order === noFilters.order ? say.common.anyTime : orders[order]
}
