import type { ChartProps, Series } from '../charts/Chart.tsx'
import type { History } from '../data/shapes.ts'
import { say } from '../language/say.ts'
import { statusColour } from '../theme/statuses.ts'

type Drawn = Pick<ChartProps, 'times' | 'series' | 'range' | 'marks'>

/** Tasks per second. A step in progress has no rate yet. */
export function throughput(history: History): Drawn {
  const { happened, step, start, until } = history
  const rates = (counts: readonly number[]) =>
    counts.map((count, index) => (start + (index + 1) * step > until ? null : count / step))
  const series: Series[] = [
    { label: say.common.submitted, colour: statusColour('queued'), values: rates(happened.submitted) },
    {
      label: say.common.completed,
      colour: statusColour('completed'),
      values: rates(happened.completed),
      isFilled: true,
    },
    { label: say.common.failed, colour: statusColour('failed'), values: rates(happened.failed) },
  ]
  return { ...axisOf(history), series }
}

/** Tasks that exist, by status. */
export function depth(history: History): Drawn {
  const { queued, running, paused, scheduled } = history.tasks
  const series: Series[] = [
    { label: say.common.queued, colour: statusColour('queued'), values: queued, isFilled: true },
    { label: say.common.running, colour: statusColour('running'), values: running },
    { label: say.common.paused, colour: statusColour('paused'), values: paused },
    { label: say.common.scheduled, colour: statusColour('scheduled'), values: scheduled },
  ]
  return { ...axisOf(history), series }
}

/** Ends of the axis of an hour at most and at least before now, in seconds. */
const [most, least] = [3_600, 600]
const day = 86_400

/** A day, or as far back as the node has run, up to an hour. Starts of nodes are marked, and versions that differ from the one before. */
function axisOf({ start, until, step, span, happened, starts }: History): Omit<Drawn, 'series'> {
  const from = span === '24h' ? until - day : Math.max(until - most, Math.min(start - step, until - least))
  return {
    times: happened.submitted.map((_, index) => start + (index + 0.5) * step),
    range: { from, to: until },
    marks: starts.map(({ at, version }, index) => ({
      at,
      label:
        index > 0 && starts[index - 1]!.version !== version
          ? say.overview.versionStarted(version)
          : say.overview.nodeStarted,
    })),
  }
}
