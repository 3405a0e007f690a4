import { isTerminal, type TaskId } from '../../core/task.ts'
import * as commands from '../commands.ts'
import type { Released } from '../store.ts'
import type { ActJob } from './commits.ts'
import type { Rows } from './connection.ts'
import { decodeText } from './text.ts'
import type { Work } from './work.ts'

/** Successors per transaction. */
export const successorsAtOnce = 500

/**
 * What one transaction counts, from a read of awaited tasks that have ended and of what waits for them. All nodes read the same; the
 * locks of the tasks decide which of them counts an end.
 */
export function releaseOf(
  rows: Rows,
  limit: number,
): Pick<ActJob, 'ids' | 'places' | 'successorsOf'> & { act: (work: Work) => Release } {
  const ended = [...new Set(rows.map(([id]) => decodeText(id as string)))]
  const successors = new Set(rows.flatMap(([, id]) => (id === null ? [] : [decodeText(id as string)])))
  return {
    ids: [...new Set([...ended, ...successors])],
    places: successors.size,
    successorsOf: ended,
    act: (work) => {
      const { moved, more } = release(work, ended, successors)
      return { moved, more: more || rows.length === limit }
    },
  }
}

type Release = Pick<Released, 'moved' | 'more'>

function release(work: Work, ended: readonly TaskId[], successors: ReadonlySet<TaskId>): Release {
  const all = ended.flatMap((id) => {
    const row = work.row(id)
    // It may have been retried since it was read.
    if (row === undefined || !isTerminal(row.task.status)) return []
    const found = work.edgesFrom(id)
    const edges = found.filter(({ successor }) => successors.has(successor)).slice(0, successorsAtOnce)
    return [{ row, edges, isWhole: edges.length === found.length }]
  })
  const rowOf = (id: TaskId) => work.row(id)
  const counted = commands.release(all, rowOf, (id) => work.joinsMore(id), work.context)
  work.count(counted)
  const { moved, told } = counted
  return { moved, more: told.length < ended.length }
}
