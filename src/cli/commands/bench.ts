import type { Command } from 'commander'
import { randomUUID } from 'node:crypto'
import type { Status } from '../../client/index.ts'
import { duration, plural, rate } from '../format.ts'
import type { Action } from '../perform.ts'
import type { Session } from '../session.ts'
import { Table, type Column } from '../terminal/table.ts'

type Options = Readonly<{ tasks?: number; callers?: number }>

/** Durations in seconds. */
type Figures = Readonly<{ perSecond: number; p50: number; p99: number }>

type Row = Readonly<{ what: string; perSecond: number; p50?: number; p99?: number }>

const type = 'add'
const open: readonly Status[] = [
  'waiting',
  'scheduled',
  'queued',
  'running',
  'pausing',
  'paused',
  'cancelling',
]

/** Seconds between two checks whether all have finished. */
const look = 0.1

/** Puts a bounded load of small tasks on a server over HTTP, and deletes its own tasks afterwards. */
export const bench: Action = async (session, command: Command) => {
  const { tasks = 1_000, callers = 50 } = command.opts<Options>()
  const tag = `bench-${randomUUID()}`
  await session.remark(
    `Submitting ${plural(tasks, 'task')} of type ${type}, one per call, from ${plural(callers, 'concurrent caller')}`,
  )
  const ids: string[] = []
  const began = performance.now()
  try {
    const submit = await load(tasks, callers, async () => {
      const handle = await session.client.submit(type, { a: 2, b: 3 }, { tags: [tag] })
      ids.push(handle.id)
    })
    await untilEnded(session, tag)
    const perSecond = tasks / since(began)
    const read = await load(tasks, callers, (index) => session.client.getTaskStatus(ids[index] ?? ''))
    await print(session, { tasks, callers, submit, perSecond, read })
  } finally {
    await load(ids.length, callers, (index) => session.client.purgeTask(ids[index] ?? '').catch(() => {}))
  }
}

/** Does the work this often, with this many concurrent callers. */
async function load(
  count: number,
  callers: number,
  work: (index: number) => Promise<unknown>,
): Promise<Figures> {
  const times: number[] = []
  const began = performance.now()
  let next = 0
  const caller = async () => {
    while (next < count) {
      const index = next++
      const sent = performance.now()
      await work(index)
      times.push(since(sent))
    }
  }
  await Promise.all(Array.from({ length: Math.min(callers, count) }, caller))
  const perSecond = count / since(began)
  times.sort((a, b) => a - b)
  const share = (part: number) => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0
  return { perSecond, p50: share(0.5), p99: share(0.99) }
}

async function untilEnded({ client }: Session, tag: string): Promise<void> {
  for (;;) {
    const { tasks, next_cursor: more } = await client.listTasks({ tag, status: open, limit: 1 })
    if (tasks.length === 0 && more === null) return
    await new Promise((resolve) => setTimeout(resolve, look * 1_000))
  }
}

type Measured = Readonly<{
  tasks: number
  callers: number
  submit: Figures
  /** Tasks per second from the first submit to the last end. */
  perSecond: number
  read: Figures
}>

async function print(session: Session, { tasks, callers, submit, perSecond, read }: Measured): Promise<void> {
  if (session.json) {
    const wire = ({ perSecond, p50, p99 }: Figures) => ({ per_second: perSecond, p50, p99 })
    await session.printJson({
      tasks,
      callers,
      submit: wire(submit),
      complete: { per_second: perSecond },
      read: wire(read),
    })
    return
  }
  const rows: Row[] = [
    { what: 'submitted', ...submit },
    { what: 'submitted and completed', perSecond },
    { what: 'status read', ...read },
  ]
  const time = (seconds: number | undefined) => (seconds === undefined ? '' : duration(seconds))
  const columns: Column<Row>[] = [
    { title: 'STEP', text: ({ what }) => what },
    { title: 'RATE', text: (row) => rate(row.perSecond), side: 'right' },
    { title: 'P50', text: ({ p50 }) => time(p50), side: 'right' },
    { title: 'P99', text: ({ p99 }) => time(p99), side: 'right' },
  ]
  const table = new Table(session.out, columns, rows)
  await session.out.print(table.head)
  for (const row of rows) await session.out.print(table.line(row))
}

/** Seconds since a time of the monotonic clock. */
function since(began: number): number {
  return (performance.now() - began) / 1_000
}
