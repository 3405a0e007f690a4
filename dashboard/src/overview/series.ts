import type { ChartProps, Series } from '../charts/Chart.tsx'
import type { History } from '../data/shapes.ts'
import { statusColour } from '../theme/statuses.ts'

type Drawn = Pick<ChartProps, 'times' | 'series'>

/** Tasks per second. The last step is still in progress, so its rate covers only the time so far. */
export function throughput(history: History): Drawn {
  const { happened, step, start, until } = history
  const rates = (counts: readonly number[]) =>
    counts.map((count, index) => count / Math.max(1, Math.min(step, until - (start + index * step))))
  const series: Series[] = [
    { label: 'Submitted', colour: statusColour('queued'), values: rates(happened.submitted) },
    {
      label: 'Completed',
      colour: statusColour('completed'),
      values: rates(happened.completed),
      isFilled: true,
    },
    { label: 'Failed', colour: statusColour('failed'), values: rates(happened.failed) },
  ]
  return { times: timesOf(history), series }
}

/** Tasks that exist, by status. */
export function depth(history: History): Drawn {
  const { queued, running, paused, scheduled } = history.tasks
  const series: Series[] = [
    { label: 'Queued', colour: statusColour('queued'), values: queued, isFilled: true },
    { label: 'Running', colour: statusColour('running'), values: running },
    { label: 'Paused', colour: statusColour('paused'), values: paused },
    { label: 'Scheduled', colour: statusColour('scheduled'), values: scheduled },
  ]
  return { times: timesOf(history), series }
}

function timesOf({ start, step, happened }: History): number[] {
  return happened.submitted.map((_, index) => start + (index + 0.5) * step)
}
