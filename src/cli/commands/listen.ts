import type { Change, TaskEvent } from '../../client/index.ts'
import { clock } from '../format.ts'
import type { Action } from '../perform.ts'
import { safe, type SafeText } from '../terminal/text.ts'
import { Interrupts, Left } from '../watching/interrupt.ts'

const kinds = ['transition', 'progress', 'log'] as const

/** Prints what happens to tasks, a line per event, until it is interrupted. */
export const listen: Action = async (session, command) => {
  const { type, tag, kind } = command.opts<{ type?: string[]; tag?: string; kind?: TaskEvent['kind'][] }>()
  const filter = { ...(type === undefined ? {} : { type }), ...(tag === undefined ? {} : { tag }) }
  const wanted = new Set<string>(kind ?? kinds)
  const abort = new AbortController()
  using _ = new Interrupts({
    policy: 'leave',
    ask: () => {},
    cancel: () => {},
    leave: (left) => abort.abort(left),
  })
  session.onAway = () => void session.remark(`cannot reach ${session.url}, retrying`)
  try {
    for await (const change of session.client.changes(filter, { ...session.last(), signal: abort.signal })) {
      if (change.kind === 'resync') {
        await session.remark(
          change.why === 'open' ? 'Listening. Press Ctrl+C to stop.' : 'Some events may be missing here.',
        )
      } else if (wanted.has(change.kind)) {
        await (session.json ? session.printJson(change) : session.out.print(lineOf(change)))
      }
    }
  } catch (error) {
    if (!(error instanceof Left)) throw error
  }
}

function lineOf(event: Exclude<Change, { kind: 'resync' }>): SafeText {
  return safe`${clock(event.at)}  ${event.task_id}  ${event.task_type}  ${textOf(event)}`
}

function textOf(event: TaskEvent): string {
  switch (event.kind) {
    case 'log':
      return `log  ${event.message}`
    case 'progress': {
      const { current, total, message } = event
      const count = total === null ? String(current) : `${current}/${total}`
      return ['progress', count, message ?? ''].filter((part) => part !== '').join('  ')
    }
    case 'transition': {
      const { status, event: name, why, error } = event
      const reason = error?.message ?? why ?? ''
      return [status, name, reason].filter((part) => part !== '').join('  ')
    }
  }
}
