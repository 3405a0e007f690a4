import { agedPriority } from './limits.ts'
import type { NodeId, Preemption, Task } from './task.ts'

/**
 * An urgent task that finds no slot takes that of the least important task whose type is preemptible: that one is asked to end at its next
 * pause point, and returns to the queue with its checkpoint.
 */

/** From this priority on, a task is urgent: no waiting raises another one so far. */
export const urgentPriority = agedPriority + 1

/** `most`: how often a task may be preempted; once it was, it runs at least for `cooldown` milliseconds before it is again. */
export type PreemptionRule = Readonly<{ most: number; cooldown: number }>

export const defaultPreemption: PreemptionRule = { most: 10, cooldown: 30_000 }

/** Milliseconds in which a task reaches its pause point: after that, another one is asked. */
const patience = 10_000

/** It was asked during its current run, which has not ended. */
export function isPreempted({ preemption, status, fence }: Task): boolean {
  return status === 'running' && preemption?.fence === fence
}

/** How the reason begins. */
export const preemptedFor = 'preempted for task '

export function preemptionReason({ preemption }: Task): string {
  return `${preemptedFor}${preemption?.for ?? ''}, which is urgent`
}

export type PreemptionFacts = Readonly<{
  now: number
  /** Milliseconds since then; default by the difference to `now`, which is wrong once the wall clock has been set. */
  elapsed?: (since: number) => number
  /** Queued tasks that only lack a slot of a node, in the order of the queue. */
  urgent: readonly Pick<Task, 'id' | 'type'>[]
  nodes: readonly Readonly<{ id: NodeId; slots: number; slotsInUse: number; types: readonly string[] }>[]
  /** Running tasks of preemptible types. */
  running: readonly Task[]
  rules: ReadonlyMap<string, PreemptionRule>
}>

/** Who makes room for whom. A free slot, and one that somebody is about to leave, is room already. */
export function choosePreemptions({
  now,
  elapsed = (since) => now - since,
  urgent,
  nodes,
  running,
  rules,
}: PreemptionFacts): readonly Readonly<{ task: Task; preemption: Preemption }>[] {
  const free = new Map(nodes.map(({ id, slots, slotsInUse }) => [id, slots - slotsInUse]))
  const typesOf = new Map(nodes.map(({ id, types }) => [id, new Set(types)]))
  const runs = (node: NodeId | null, type: string) => node !== null && typesOf.get(node)?.has(type) === true
  const isLeaving = (task: Task) => isPreempted(task) && elapsed(task.preemption!.at) < patience
  let leaving = running.filter(isLeaving)
  let candidates = running
    .filter(
      (task) => !isPreempted(task) && task.priority < urgentPriority && mayBePreempted(task, elapsed, rules),
    )
    .toSorted(
      (a, b) =>
        a.priority - b.priority || elapsed(a.statusSince) - elapsed(b.statusSince) || (a.id < b.id ? -1 : 1),
    )
  return urgent.flatMap(({ id, type }) => {
    const node = [...free].find(([name, slots]) => slots > 0 && runs(name, type))?.[0]
    if (node !== undefined) {
      free.set(node, free.get(node)! - 1)
      return []
    }
    const known = leaving.find(({ ownerNode }) => runs(ownerNode, type))
    if (known !== undefined) {
      leaving = leaving.filter((task) => task !== known)
      return []
    }
    const task = candidates.find(({ ownerNode }) => runs(ownerNode, type))
    if (task === undefined) return []
    candidates = candidates.filter((other) => other !== task)
    return [
      { task, preemption: { count: (task.preemption?.count ?? 0) + 1, at: now, fence: task.fence, for: id } },
    ]
  })
}

function mayBePreempted(
  { type, preemption, statusSince }: Task,
  elapsed: (since: number) => number,
  rules: ReadonlyMap<string, PreemptionRule>,
): boolean {
  const rule = rules.get(type)
  if (rule === undefined) return false
  return preemption === null || (preemption.count < rule.most && elapsed(statusSince) >= rule.cooldown)
}
