import type { Run, RunsQuery } from '../../client/index.ts'
import { age, duration } from '../format.ts'
import { looks } from '../looks.ts'
import type { Action } from '../perform.ts'
import { Table, type Column } from '../terminal/table.ts'

type Options = Readonly<{
  from?: number
  until?: number
  type?: string[]
  tag?: string
  createdBy?: string
  limit?: number
}>

export const runs: Action = async (session, command) => {
  const { from, until, type, tag, createdBy, limit } = command.opts<Options>()
  const query: RunsQuery = {
    ...(from === undefined ? {} : { from }),
    ...(until === undefined ? {} : { until }),
    ...(type === undefined ? {} : { type }),
    ...(tag === undefined ? {} : { tag }),
    ...(createdBy === undefined ? {} : { created_by: createdBy }),
    ...(limit === undefined ? {} : { limit }),
  }
  const found = await session.client.listRuns(query)
  if (session.json) for (const run of found.runs) await session.printJson(run)
  else if (session.quiet) for (const { task_id: id } of found.runs) await session.out.print(id)
  else if (found.runs.length > 0) {
    const table = new Table(session.out, columns(Date.now()), found.runs)
    await session.out.print(table.head)
    for (const run of found.runs) await session.out.print(table.line(run))
  }
  if (found.runs.length === 0) await session.remark('No tasks in this time.')
  if (found.limited) await session.remark('There may be more tasks in this time.')
}

function columns(now: number): readonly Column<Run>[] {
  return [
    { title: 'ID', text: ({ task_id }) => task_id },
    { title: 'TYPE', text: ({ task_type }) => task_type, least: 8 },
    {
      title: 'STATUS',
      text: (run) => `${looks[statusOf(run)].symbol} ${statusOf(run)}`,
      style: (run) => looks[statusOf(run)].style,
    },
    { title: 'ATTEMPTS', text: ({ changes }) => String(changes.at(-1)?.attempt ?? 0), side: 'right' },
    { title: 'CREATED', text: ({ changes }) => age(changes[0]?.at ?? 0, now), side: 'right' },
    { title: 'WAITED', text: (run) => spent(run, waiting, now), side: 'right' },
    { title: 'RAN', text: (run) => spent(run, running, now), side: 'right' },
    { title: 'PAUSED', text: (run) => spent(run, paused, now), side: 'right', yields: 1 },
  ]
}

const waiting: readonly string[] = ['waiting', 'scheduled', 'queued']
const running: readonly string[] = ['running', 'pausing', 'cancelling']
const paused: readonly string[] = ['paused']

function statusOf({ changes }: Run): Run['changes'][number]['status'] {
  return changes.at(-1)?.status ?? 'queued'
}

/** How long it was in these statuses; nothing if it never was. */
function spent({ changes }: Run, statuses: readonly string[], now: number): string {
  let seconds: number | undefined
  for (const [index, { at, status }] of changes.entries()) {
    if (!statuses.includes(status)) continue
    seconds = (seconds ?? 0) + Math.max(0, (changes[index + 1]?.at ?? now / 1_000) - at)
  }
  return seconds === undefined ? '' : duration(seconds)
}
