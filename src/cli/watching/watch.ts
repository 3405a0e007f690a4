import { isFermataError } from '../../client/index.ts'
import { isTerminal } from '../looks.ts'
import type { Session } from '../session.ts'
import type { Terminal } from '../terminal/terminal.ts'
import { Bars } from './bars.ts'
import { Interrupts, Left, type InterruptPolicy } from './interrupt.ts'
import { JsonLines, Lines } from './lines.ts'
import { after, rowOf, type Row } from './row.ts'
import type { View } from './view.ts'

export type Watching = Readonly<{ terminal: Terminal; policy: InterruptPolicy; json?: boolean }>

/** Shows tasks until all have finished, across server restarts, and returns how they ended. Throws `Left`. */
export async function watchTasks(
  session: Session,
  ids: readonly string[],
  options: Watching,
): Promise<Row[]> {
  const abort = new AbortController()
  const { signal } = abort
  const rows = new Map<string, Row>()
  using view = viewOf(session, options, '')
  using _ = new Interrupts({
    policy: options.policy,
    ask: (question) => view.ask(question),
    cancel: () => ids.forEach((id) => void cancel(session, id, signal)),
    leave: (left) => abort.abort(left),
  })
  session.onAway = (error) => view.away(error)
  const show: Show = (row, event) => {
    rows.set(row.id, row)
    view.away(undefined)
    view.show(row, event)
  }
  try {
    await Promise.all(ids.map((id) => follow(session, id, show, signal)))
  } finally {
    abort.abort(new Error('no more to watch'))
  }
  return [...rows.values()]
}

export function viewOf(session: Session, { terminal, json = false }: Watching, idle: string): View {
  if (json) return new JsonLines(session)
  return terminal.isLive ? new Bars(terminal, session.url, idle) : new Lines(terminal, session)
}

type Show = (row: Row, event?: Parameters<View['show']>[1]) => void

async function follow(session: Session, id: string, show: Show, signal: AbortSignal): Promise<void> {
  const options = { ...session.last(), signal }
  const { client } = session
  for (;;) {
    let row = rowOf(await client.getTaskStatus(id, options), Date.now())
    show(row)
    if (isTerminal(row.status)) return
    for await (const event of client.streamTaskEvents(row.id, { ...options, after: row.version })) {
      row = after(row, event, Date.now())
      show(row, event)
    }
  }
}

/** A task that has finished in the meantime is shown as it is. */
async function cancel(session: Session, id: string, signal: AbortSignal): Promise<void> {
  try {
    await session.client.cancelTask(id, { ...session.last(), signal, wait: 0 })
  } catch (error) {
    if (error instanceof Left || signal.aborted || isFermataError(error, 'CONTROL_REFUSED')) return
    await session.err.print(`cannot cancel ${id}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
