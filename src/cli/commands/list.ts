import type { ListOptions, Status, TaskStatus } from '../../client/index.ts'
import type { ListOrder } from '../../core/filter.ts'
import { age, count, duration, errorText } from '../format.ts'
import { looks } from '../looks.ts'
import type { Action } from '../perform.ts'
import { Table, type Column } from '../terminal/table.ts'
import { safeJson } from '../terminal/text.ts'
import { filterOf, type FilterOptions } from './filter.ts'

type Options = FilterOptions & Readonly<{ order?: ListOrder; limit?: number; all?: boolean }>

/** Number of tasks on a terminal by default. */
const few = 50

/** Tasks per page. */
const pageSize = 1_000

export const list: Action = async (session, command) => {
  const options = command.opts<Options>()
  const isWhole = options.all === true || session.json || session.quiet || !session.out.isLive
  const most = options.limit ?? (isWhole ? Infinity : few)
  const query: ListOptions = {
    ...filterOf(options),
    ...(options.order === undefined ? {} : { order: options.order }),
    limit: Math.min(pageSize, most === Infinity ? pageSize : most),
  }
  let left = most
  let table: Table<TaskStatus> | undefined
  let isLimited = false
  for await (const page of session.client.pages(query)) {
    const tasks = page.tasks.slice(0, left)
    left -= tasks.length
    isLimited = page.search_limited
    if (session.json) for (const task of tasks) await session.printJson(task)
    else if (session.quiet) for (const { task_id: id } of tasks) await session.out.print(id)
    else if (tasks.length > 0) {
      if (table === undefined) {
        table = new Table(session.out, columns(Date.now()), tasks)
        await session.out.print(table.head)
      }
      for (const task of tasks) await session.out.print(table.line(task))
    }
    if (left > 0 || page.next_cursor === null) continue
    if (options.limit === undefined)
      await session.remark(`More tasks match. Use --all, or --limit ${few * 10}.`)
    break
  }
  if (table === undefined) await session.remark('No matching tasks.')
  if (isLimited)
    await session.remark(
      `The ${options.order === 'longest' || options.order === 'shortest' ? 'order' : 'search'} covered only the newest 10,000 tasks. There are older ones.`,
    )
}

function columns(now: number): readonly Column<TaskStatus>[] {
  return [
    { title: 'ID', text: ({ task_id }) => task_id },
    { title: 'TYPE', text: ({ task_type }) => task_type, least: 8 },
    {
      title: 'STATUS',
      text: ({ status }) => `${looks[status].symbol} ${status}`,
      style: ({ status }) => looks[status].style,
    },
    { title: 'PROGRESS', text: doneOf, side: 'right', yields: 4 },
    { title: 'CREATED', text: ({ created_at }) => age(created_at, now), side: 'right', yields: 2 },
    {
      title: 'DURATION',
      text: ({ started_at, execution_time }) => (started_at === null ? '' : duration(execution_time)),
      side: 'right',
      yields: 5,
    },
    {
      title: 'PRIO',
      text: ({ priority }) => (priority === 0 ? '' : String(priority)),
      side: 'right',
      yields: 6,
    },
    { title: 'TAGS', text: ({ tags }) => tags.join(','), least: 6, yields: 7 },
    {
      title: 'DETAILS',
      text: whatOf,
      least: 20,
      yields: 3,
      style: ({ error }) => (error === null ? 'dim' : 'red'),
    },
  ]
}

function doneOf({ progress, status }: TaskStatus): string {
  if (progress === null || status === 'completed') return ''
  return progress.ratio === null ? count(progress.current) : `${Math.floor(progress.ratio * 100)}%`
}

/** The error, the progress message, or else the parameters. */
function whatOf({ error, progress, parameters, status }: TaskStatus): string {
  const ended: readonly Status[] = ['completed', 'cancelled']
  if (error !== null && status !== 'completed') return errorText(error)
  if (progress?.message && !ended.includes(status)) return progress.message
  return safeJson(parameters).slice(0, 200)
}
