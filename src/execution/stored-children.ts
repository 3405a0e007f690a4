import {
  decisionOf,
  joinedAtOnce,
  outcomeBytes,
  policyFor,
  type ChildOutcome,
  type ChildState,
  type JoinRequest,
  type JoinState,
} from '../core/join.ts'
import { isTerminal, type Fence, type TaskId } from '../core/task.ts'
import type { AttemptServices } from './services.ts'
import { childOutcomes, childStates, watchChildren } from './settlement-writer.ts'

type Copy = Readonly<{ id: TaskId; fence: Fence }>

/**
 * How a join is. If it is open, its children are watched: the portions are asked for one after the other, and an end that comes between them
 * raises the `news` that the first has answered with. Undefined if the task is not active with this fence.
 */
export async function lookAtChildren(
  services: AttemptServices,
  { id, fence }: Copy,
  { mode, children, others }: JoinRequest,
): Promise<JoinState | undefined> {
  const states = new Map<TaskId, ChildState>()
  const note = (all: readonly ChildState[]) => {
    for (const state of all) states.set(state.id, state)
  }
  for (const portion of portionsOf(children)) {
    const found = await childStates(services, id, portion)
    if (found === undefined) return undefined
    note(found)
  }
  const decided = decisionOf(mode, children, states)
  if (decided !== undefined) return decided
  const isUnfinished = (child: TaskId) => !isTerminal(states.get(child)?.status ?? 'running')
  const policy = policyFor({ mode, others })
  let seen: number | undefined
  const wanted = [...new Set([...children.filter(isUnfinished), ...others.filter(isUnfinished)])]
  for (const portion of portionsOf(wanted)) {
    const request = { id, fence, policy, children: portion, anew: seen === undefined }
    const watched = await watchChildren(services, request)
    if (watched == null) return undefined
    seen ??= watched.news
    note(watched.states)
  }
  const left = children.filter(isUnfinished).length
  return decisionOf(mode, children, states) ?? { kind: 'open', seen: seen ?? 0, left }
}

/** What has become of the first of these children: as many as fit into a page. Undefined if the store could not answer. */
export async function outcomesOf(
  services: AttemptServices,
  parent: TaskId,
  children: readonly TaskId[],
): Promise<readonly ChildOutcome[] | undefined> {
  const found = await childOutcomes(services, parent, children.slice(0, joinedAtOnce), outcomeBytes)
  return found?.map(({ task: { id, status, error }, result, unreadable }) => ({
    id,
    status,
    result,
    error,
    ...(unreadable === undefined ? {} : { unreadable }),
  }))
}

function* portionsOf(ids: readonly TaskId[]): Iterable<readonly TaskId[]> {
  for (let at = 0; at < ids.length; at += joinedAtOnce) yield ids.slice(at, at + joinedAtOnce)
}
