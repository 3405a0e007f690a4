import { positionLimit, type Reason, type ReasonCode } from '../core/reason.ts'
import { isAsleepOnceResumed } from '../core/transition.ts'
import { activeStatuses, isAsleep, isSuspect, isUnstarted, type Task } from '../core/task.ts'
import type { WatchedChildren } from '../store/join-store.ts'
import type { BucketState } from '../store/limit-store.ts'
import type { Counts } from '../store/store.ts'

export type Explanation = Readonly<{
  task: Task
  /** Most important reason first. */
  reasons: readonly Reason[]
  /** For a queued task: 1 is next. `positionLimit + 1` means that or more; null if it is not queued. */
  position: number | null
  /** What a queued task needs under limits. */
  limits: readonly BucketState[]
  /** Estimated milliseconds until it starts; null without an estimate. */
  startsIn: number | null
}>

/** What is known in addition to the task. */
export type QueueFacts = Readonly<{
  now: number
  counts: Counts
  /** The live nodes that run its type: whether one accepts work, and their slots. `types`: what this node knows. */
  nodes: Readonly<{ ready: boolean; slots: number; slotsInUse: number; types: readonly string[] }>
  /** How many live workers run its type; null if it is not a type of remote workers. */
  workers: number | null
  /** Rates and durations of its type on this node. */
  concurrency: number | null
  limits: readonly BucketState[]
  /** Queued tasks ahead of it, up to `positionLimit`. */
  ahead: number
  /** The first tasks for which it waits. */
  predecessors: readonly Task[]
  /** The children for which its handler waits: how many, and the first. */
  children: WatchedChildren
  /** Recent starts per millisecond. */
  startRate: number
  /** Milliseconds of active time per run. */
  duration: number | null
}>

export function explained(task: Task, facts: QueueFacts): Explanation {
  const reasons = [...reasonsOf(task, facts), ...expiryOf(task, facts)]
  const position = task.status === 'queued' ? facts.ahead + 1 : null
  return { task, reasons, position, limits: facts.limits, startsIn: startOf(task, reasons, facts) }
}

function reasonsOf(task: Task, facts: QueueFacts): Reason[] {
  const { now } = facts
  switch (task.status) {
    case 'waiting':
      return isAsleep(task) ? suspended(task, facts) : [waitsFor(task, facts.predecessors)]
    case 'scheduled': {
      const seconds = secondsUntil(task.runAt, now)
      return task.failures > 0
        ? [because('retry_later', `Attempt ${task.attempt} failed. The next attempt starts in ${seconds} s.`)]
        : [because('due_later', `Due in ${seconds} s${task.unique?.debounced === true ? newer : ''}.`)]
    }
    case 'queued':
      return reasonsInQueue(task, facts)
    case 'paused':
      return [
        because('paused', 'Paused until someone resumes it.'),
        ...(task.missing === 0 ? [] : [waitsFor(task, facts.predecessors)]),
        ...(isAsleepOnceResumed(task, now) ? suspended(task, facts) : []),
      ]
    case 'pausing':
      return [
        because('pause_point', 'A pause is requested. The task keeps running until its next pause point.'),
      ]
    case 'cancelling':
      return [because('stopping', 'A cancel is requested. Its code has not stopped yet.')]
    case 'running':
      return [because('running', 'Running.')]
    default:
      return [because('ended', `The task is ${task.status}.`)]
  }
}

function expiryOf({ expiresAt, status }: Task, { now }: QueueFacts): Reason[] {
  if (expiresAt === null || !isUnstarted(status)) return []
  const seconds = secondsUntil(expiresAt, now)
  return [because('expires', `It is cancelled in ${seconds} s unless it starts before.`)]
}

/** `named`: the first of them. */
export function waitsFor({ missing }: Task, named: readonly Task[]): Reason {
  const many = missing === 1 ? 'one task' : `${missing} tasks`
  return because('predecessors', `Waits for ${many} to end${listed(missing, named)}.`)
}

function listed(count: number, named: readonly Task[]): string {
  const shown = named.map(({ id, status }) => `${id} (${status})`).join(', ')
  return shown === '' ? '' : `: ${shown}${count > named.length ? ', ...' : ''}`
}

/** What its handler waits for, and until when. */
function suspended(task: Task, { now, children }: QueueFacts): Reason[] {
  const { awaits, runAt } = task
  if (awaits === null) return [sleeps(task, now)]
  const joins = awaits.children === undefined ? [] : [waitsForChildren(children)]
  if (awaits.waits.length === 0) return [...joins, ...(runAt === null ? [] : [sleeps(task, now)])]
  const names = awaits.waits.map((name) => JSON.stringify(name)).join(', ')
  const until =
    runAt === null
      ? ''
      : `, until ${new Date(runAt).toISOString()}, for another ${secondsUntil(runAt, now)} s`
  return [because('answer', `Waits for an answer to ${names}${until}.`), ...joins]
}

/** `tasks`: the first of them. */
export function waitsForChildren({ count, tasks }: WatchedChildren): Reason {
  const many = count === 1 ? 'one child' : `${count} children`
  return because('children', `Waits for ${many} to end${listed(count, tasks)}.`)
}

function sleeps({ runAt }: Task, now: number): Reason {
  const until = new Date(runAt ?? now).toISOString()
  return because('sleeping', `Sleeps until ${until}, for another ${secondsUntil(runAt, now)} s.`)
}

function secondsUntil(time: number | null, now: number): number {
  return Math.max(0, ((time ?? now) - now) / 1_000)
}

const newer = '; a submit with its debounce key gives it newer parameters and a new delay'

function reasonsInQueue(task: Task, facts: QueueFacts): Reason[] {
  const { counts, nodes, workers, concurrency, ahead } = facts
  const { type } = task
  const reasons: Reason[] = []
  const add = (code: ReasonCode, message: string) => reasons.push(because(code, message))
  if (Object.hasOwn(counts.held, type)) add('type_held', `Type ${type} is held: its tasks do not start.`)
  if (!nodes.types.includes(type)) add('type_unknown', `This node does not know type ${type}.`)
  if (!nodes.ready) add('node_stopping', 'This node is starting up or shutting down.')
  if (workers === 0)
    add('no_worker', `No live worker runs type ${type}: the task waits until one registers it.`)
  if (workers === null && nodes.slots === 0) add('no_slots', `No live node has slots for type ${type}.`)
  const active = occupied(counts, type)
  if (concurrency !== null && active >= concurrency) {
    add('concurrency_limit', `Type ${type} is at its concurrency limit: ${active} running.`)
  }
  for (const bucket of facts.limits) {
    const name = bucketName(bucket)
    if (isAtConcurrency(bucket))
      add('limit_full', `${name} is full: ${bucket.running} of ${bucket.concurrency} slots in use.`)
    if (bucket.nextStartAt !== null) {
      const { limit, per } = bucket.rate!
      const seconds = Math.max(0, (bucket.nextStartAt - facts.now) / 1_000)
      add('rate_limit', `${name} allows ${limit} starts per ${per / 1_000} s: the next one in ${seconds} s.`)
    }
  }
  if (nodes.slots > 0 && nodes.slotsInUse >= nodes.slots) {
    add('no_free_slot', `All ${nodes.slots} slots of the nodes that run this type are in use.`)
  }
  if (isSuspect(task)) {
    const times = `${task.crashes} times in a row`
    add('suspect', `Its node crashed ${times} while running it. Each node runs such tasks one at a time.`)
  }
  if (reasons.length > 0 && ahead > 0) {
    const many = ahead >= positionLimit ? `${positionLimit} or more` : String(ahead)
    add('others_first', `Tasks ahead in the queue: ${many}.`)
  }
  if (reasons.length === 0 && workers !== null) {
    const they = workers === 1 ? 'The live worker that runs' : `None of the ${workers} live workers that run`
    const ask = workers === 1 ? 'has not asked for it yet' : 'has asked for it yet'
    add('waits_for_worker', `${they} type ${type} ${ask}.`)
  }
  if (reasons.length === 0) add('about_to_start', 'About to start.')
  return reasons
}

function startOf(task: Task, reasons: readonly Reason[], facts: QueueFacts): number | null {
  const { counts, nodes, concurrency, startRate, duration, now } = facts
  if (isAsleep(task) && task.runAt === null) return null
  if (task.status === 'scheduled' || isAsleep(task)) return Math.max(0, (task.runAt ?? now) - now)
  if (task.status !== 'queued' || reasons.some(({ code }) => lasting.has(code))) return null
  if (reasons[0]?.code === 'about_to_start') return 0
  const before = facts.ahead < positionLimit ? facts.ahead : queued(counts, nodes.types)
  const held = limitDelay(facts)
  if (held !== undefined) return held
  if (startRate > 0) return Math.round((before + 1) / startRate)
  if (duration === null || nodes.slots === 0) return null
  return Math.round(Math.ceil((before + 1) / Math.min(nodes.slots, concurrency ?? nodes.slots)) * duration)
}

/** Milliseconds until its limits let it start; undefined if none holds it back, null without an estimate. */
function limitDelay({ limits, duration, now }: QueueFacts): number | null | undefined {
  const delays = limits.flatMap((bucket): (number | null)[] => {
    const { concurrency, rate, nextStartAt, ahead } = bucket
    const forRate = nextStartAt === null ? [] : [nextStartAt - now + (ahead * rate!.per) / rate!.limit]
    if (!isAtConcurrency(bucket)) return forRate
    return [...forRate, duration === null ? null : Math.ceil((ahead + 1) / concurrency!) * duration]
  })
  if (delays.length === 0) return undefined
  const known = delays.filter((delay) => delay !== null)
  return known.length < delays.length ? null : Math.round(Math.max(...known))
}

function isAtConcurrency({ concurrency, running }: BucketState): boolean {
  return concurrency !== null && running >= concurrency
}

function bucketName({ name, key }: BucketState): string {
  return key === '' ? `Limit ${name}` : `Limit ${name} for ${JSON.stringify(key)}`
}

/** Reasons that do not pass on their own. */
const lasting: ReadonlySet<ReasonCode> = new Set([
  'type_held',
  'type_unknown',
  'node_stopping',
  'no_slots',
  'no_worker',
])

function occupied({ byType, fencedOff }: Counts, type: string): number {
  const own = byType[type] ?? {}
  return activeStatuses.reduce((sum, status) => sum + (own[status] ?? 0), fencedOff[type] ?? 0)
}

function queued({ byType, held }: Counts, types: readonly string[]): number {
  const free = types.filter((type) => !Object.hasOwn(held, type))
  return free.reduce((sum, type) => sum + (byType[type]?.queued ?? 0), 0)
}

function because(code: ReasonCode, message: string): Reason {
  return { code, message }
}
