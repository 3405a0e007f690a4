import { createInterface } from 'node:readline/promises'
import type { BulkAction, Operation } from '../../client/index.ts'
import { exitCodes, UsageError } from '../exit.ts'
import { count, plural } from '../format.ts'
import type { Action } from '../perform.ts'
import type { Session } from '../session.ts'
import { bar } from '../terminal/bar.ts'
import { Live } from '../terminal/live.ts'
import { safe } from '../terminal/text.ts'
import { filterOf, type FilterOptions } from './filter.ts'

/** The bulk actions, each with its word for the summary. */
const participles = {
  pause: 'Paused',
  resume: 'Resumed',
  cancel: 'Cancelled',
  retry: 'Retried',
  purge: 'Deleted',
} as const satisfies Record<BulkAction, string>

export const bulkActions = Object.keys(participles) as readonly BulkAction[]

/** Milliseconds between two reads of an operation. */
const look = 250

export const bulk: Action = async (session, command) => {
  const [name = ''] = command.args
  const {
    dryRun = false,
    yes = false,
    reason,
    ...rest
  } = command.opts<FilterOptions & { dryRun?: boolean; yes?: boolean; reason?: string }>()
  const options = { dryRun, ...(reason === undefined ? {} : { reason }) }
  const action = bulkActions.find((action) => action === name)
  if (action === undefined)
    throw new UsageError(`unknown action ${name}: choose one of ${bulkActions.join(', ')}`)
  let filter: Parameters<typeof session.client.bulk>[1] = filterOf(rest)
  if (!dryRun && !yes) {
    const counted = await followed(session, await session.client.bulk(action, filter, { dryRun: true }))
    if (!(await agreed(action, counted.matched))) {
      await session.remark('Nothing changed.')
      return exitCodes.cancelled
    }
    // Excludes tasks submitted since the count, which nobody has confirmed.
    filter = counted.filter
  }
  const operation = await followed(session, await session.client.bulk(action, filter, options))
  if (session.json) await session.printJson(operation)
  else await session.out.print(summary(operation))
  return operation.status === 'completed' ? exitCodes.completed : exitCodes.failed
}

async function agreed(action: BulkAction, matched: number): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new UsageError(
      `this would ${action} ${plural(matched, 'task')}; pass --yes to do it without confirmation`,
    )
  const asking = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await asking.question(`${action} ${plural(matched, 'task')}? [y/N] `)).trim())
  } finally {
    asking.close()
  }
}

/** The operation once it has finished. */
async function followed(session: Session, begun: Operation): Promise<Operation> {
  if (begun.status !== 'running') return begun
  using live = session.err.isLive ? new Live(session.err) : undefined
  const options = session.last()
  let operation = begun
  while (operation.status === 'running') {
    await new Promise((resolve) => setTimeout(resolve, look))
    operation = await session.client.getOperation(operation.operation_id, options)
    const { matched, changed, unchanged, refused } = operation
    const done = changed + unchanged + refused
    live?.draw([
      safe`${bar(session.err, matched === 0 ? 0 : done / matched, 20)}  ${count(done)} of ${count(matched)} so far`,
    ])
  }
  live?.draw([])
  return operation
}

function summary({
  action,
  dry_run: isDry,
  matched,
  changed,
  unchanged,
  refused,
  status,
  error,
}: Operation): string {
  if (isDry) return `Would ${action} ${plural(matched, 'task')}.`
  const done = action === 'backfill' ? 'Added' : participles[action]
  const parts = [`${done} ${plural(changed, 'task')}`]
  if (unchanged > 0) parts.push(`${count(unchanged)} unchanged`)
  if (refused > 0) parts.push(`${count(refused)} no longer eligible`)
  if (status !== 'completed') parts.push(error ?? status)
  return parts.join(', ')
}
