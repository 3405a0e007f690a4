import type { Searched } from '../../core/filter.ts'
import { mustBeKept, type Settlement } from '../../core/outcome.ts'
import type { Json, NodeId, Submission, Task, TaskId, TimelineEntry } from '../../core/task.ts'
import type { Move } from '../../core/transition.ts'
import type { AuditLog } from '../audit-log.ts'
import type { KeyStore } from '../key-store.ts'
import type { LimitStore } from '../limit-store.ts'
import type { ScheduleStore } from '../schedule-store.ts'
import type { WebhookStore } from '../webhook-store.ts'
import type { FigureStore } from '../figure-store.ts'
import type { JoinStore } from '../join-store.ts'
import type { WaitStore } from '../wait-store.ts'
import type { WorkerStore } from '../worker-store.ts'
import type { CallersTransaction } from '../sharing.ts'
import type * as port from '../store.ts'
import { EncryptedSchedules } from './encrypted-schedules.ts'
import { EncryptedWaits } from './encrypted-waits.ts'
import { EncryptedWebhooks } from './encrypted-webhooks.ts'
import { isSealed, Unopened, type Keyring, type Kind } from './keyring.ts'
import {
  openEntry,
  openForPeople,
  openLine,
  openStep,
  openTask,
  ownerOfParameters,
  sealCallback,
  sealOutcome,
  sealWritten,
  type Open,
} from './task-codec.ts'

/** Whatever a verb takes: an argument that is added to one reaches the store without a change here. */
type Arguments<Verb extends keyof port.Store> = port.Store[Verb] extends (...args: infer A) => unknown
  ? A
  : never

/**
 * The store above a store: encrypts what goes into it and decrypts what comes out, so that both SQL stores hold the same and
 * know nothing of keys. Without keys it only finds out that a text is encrypted. Calls reach the store in the turn in which
 * they are made, and are answered in its order.
 */
export class EncryptedStore implements port.Store {
  readonly capabilities: port.Capabilities
  readonly commits: port.CommitMetrics
  readonly shared: port.Shared | null
  readonly backup: port.Store['backup']
  readonly keys: KeyStore
  readonly audit: AuditLog
  readonly schedules: ScheduleStore
  readonly workers: WorkerStore
  readonly limits: LimitStore
  readonly webhooks: WebhookStore
  readonly waits: WaitStore
  readonly figures: FigureStore
  readonly joins: JoinStore
  readonly #store: port.Store
  readonly #ring: Keyring
  readonly #open: Open

  constructor(store: port.Store, ring: Keyring) {
    this.#store = store
    this.#ring = ring
    this.#open = openForPeople(ring)
    this.capabilities = store.capabilities
    this.commits = store.commits
    this.backup = store.backup
    this.keys = store.keys
    this.audit = store.audit
    this.workers = store.workers
    this.limits = store.limits
    this.figures = store.figures
    this.schedules = new EncryptedSchedules(store.schedules, ring)
    this.webhooks = new EncryptedWebhooks(store.webhooks, ring, this.#open)
    this.waits = new EncryptedWaits(store.waits, ring, this.#open)
    const { joins } = store
    this.joins = {
      states: (parent, children) => joins.states(parent, children),
      watch: (node, request) => joins.watch(node, request),
      outcomes: async (parent, children, bytes) =>
        (await joins.outcomes(parent, children, bytes)).map(({ task, result }) => ({
          task: openTask(this.#open, task),
          ...this.#openDocuments(task, { result }),
        })),
      watched: async (parent, limit) => {
        const { count, tasks } = await joins.watched(parent, limit)
        return { count, tasks: tasks.map((task) => openTask(this.#open, task)) }
      },
    }
    const { shared } = store
    this.shared = shared === null ? null : { ...shared, submitWithin: this.#submitWithin(shared) }
    if (ring.encrypts) return
    // Nothing is encrypted on the way in, and without keys nothing that comes back from it could be decrypted.
    this.save = (node, saves) => store.save(node, saves)
    this.settle =
      ring.ids.length === 0
        ? (node, settlements) => store.settle(node, settlements)
        : (node, settlements) => store.settle(node, settlements).then(this.#openSettled)
    if (ring.ids.length === 0) this.submit = (submissions, options) => store.submit(submissions, options)
  }

  now(...args: Arguments<'now'>): ReturnType<port.Store['now']> {
    return this.#store.now(...args)
  }

  submit(submissions: readonly Submission[], options: port.SubmitOptions): Promise<port.Submitted> {
    return this.#submit(submissions, (sealed) => this.#store.submit(sealed, options))
  }

  claim(...args: Arguments<'claim'>): Promise<readonly port.Claimed[]> {
    return this.#store.claim(...args).then((claimed) => claimed.map((one) => this.#openClaimed(one)))
  }

  settle(node: NodeId, settlements: readonly Settlement[]): Promise<readonly port.Settled[]> {
    const seal = (settlement: Settlement): Settlement => {
      mustBeKept(settlement)
      const { id, outcome } = settlement
      return { ...sealWritten(this.#ring, id, settlement), outcome: sealOutcome(this.#ring, id, outcome) }
    }
    return sealedAll(settlements, seal, (sealed) => this.#store.settle(node, sealed)).then(this.#openSettled)
  }

  save(node: NodeId, saves: readonly port.Save[]): Promise<readonly boolean[]> {
    const seal = (save: port.Save): port.Save => {
      mustBeKept(save)
      return sealWritten(this.#ring, save.id, save)
    }
    return sealedAll(saves, seal, (sealed) => this.#store.save(node, sealed))
  }

  control(...args: Arguments<'control'>): Promise<readonly port.Controlled[]> {
    return this.#store.control(...args).then((answers) =>
      answers.map((answer): port.Controlled => {
        if (answer.kind === 'unknown') return answer
        if (answer.kind === 'moved') return this.#openMove(answer)
        return { ...answer, task: openTask(this.#open, answer.task) }
      }),
    )
  }

  unpark(...args: Arguments<'unpark'>): Promise<readonly Move[]> {
    return this.#store.unpark(...args).then(this.#openMoves)
  }

  releaseSlots(...args: Arguments<'releaseSlots'>): ReturnType<port.Store['releaseSlots']> {
    return this.#store.releaseSlots(...args)
  }

  async promote(...args: Arguments<'promote'>): Promise<port.Promoted> {
    const promoted = await this.#store.promote(...args)
    return { ...promoted, moved: this.#openMoves(promoted.moved) }
  }

  async preempt(...args: Arguments<'preempt'>): Promise<readonly Task[]> {
    return (await this.#store.preempt(...args)).map((task) => openTask(this.#open, task))
  }

  async expire(...args: Arguments<'expire'>): Promise<port.Expired> {
    const expired = await this.#store.expire(...args)
    return { ...expired, moved: this.#openMoves(expired.moved) }
  }

  async release(...args: Arguments<'release'>): Promise<port.Released> {
    const released = await this.#store.release(...args)
    return { ...released, moved: this.#openMoves(released.moved) }
  }

  async predecessors(...args: Arguments<'predecessors'>): Promise<readonly Task[]> {
    const tasks = await this.#store.predecessors(...args)
    return tasks.map((task) => openTask(this.#open, task))
  }

  async successors(...args: Arguments<'successors'>): Promise<readonly Task[]> {
    const tasks = await this.#store.successors(...args)
    return tasks.map((task) => openTask(this.#open, task))
  }

  children(...args: Arguments<'children'>): ReturnType<port.Store['children']> {
    return this.#store.children(...args)
  }

  startNode(...args: Arguments<'startNode'>): ReturnType<port.Store['startNode']> {
    return this.#store.startNode(...args)
  }

  reap(...args: Arguments<'reap'>): Promise<readonly Move[]> {
    return this.#store.reap(...args).then(this.#openMoves)
  }

  endNode(...args: Arguments<'endNode'>): ReturnType<port.Store['endNode']> {
    return this.#store.endNode(...args)
  }

  nodes(...args: Arguments<'nodes'>): ReturnType<port.Store['nodes']> {
    return this.#store.nodes(...args)
  }

  prune(...args: Arguments<'prune'>): ReturnType<port.Store['prune']> {
    return this.#store.prune(...args)
  }

  async get(id: TaskId): Promise<Task | null> {
    const task = await this.#store.get(id)
    return task === null ? null : openTask(this.#open, task)
  }

  resolve(...args: Arguments<'resolve'>): ReturnType<port.Store['resolve']> {
    return this.#store.resolve(...args)
  }

  async read(id: TaskId, options?: Readonly<{ brief: boolean }>): Promise<port.TaskRecord | null> {
    const record = await this.#store.read(id, options)
    return record === null ? null : this.#openRecord(record)
  }

  async log(id: TaskId, after: number, limit: number): Promise<readonly port.NumberedLine[] | null> {
    const lines = await this.#store.log(id, after, limit)
    return lines === null ? null : lines.map((line) => openLine(this.#open, id, line))
  }

  async steps(...args: Arguments<'steps'>): Promise<port.StepPage | null> {
    const page = await this.#store.steps(...args)
    return page === null
      ? null
      : { ...page, steps: page.steps.map((step) => openStep(this.#ring, args[0], step)) }
  }

  counts(...args: Arguments<'counts'>): ReturnType<port.Store['counts']> {
    return this.#store.counts(...args)
  }

  probe(...args: Arguments<'probe'>): ReturnType<port.Store['probe']> {
    return this.#store.probe(...args)
  }

  async purge(...args: Arguments<'purge'>): Promise<readonly port.Purged[]> {
    const answers = await this.#store.purge(...args)
    return answers.map((answer) =>
      answer.kind === 'refused' ? { ...answer, task: openTask(this.#open, answer.task) } : answer,
    )
  }

  hold(...args: Arguments<'hold'>): ReturnType<port.Store['hold']> {
    return this.#store.hold(...args)
  }

  async list(query: port.Query): Promise<port.Page<port.ListedTask>> {
    const page = await this.#store.list(this.#sealQuery(query))
    const { largest = Number.MAX_SAFE_INTEGER } = query.reads ?? {}
    return { ...page, entries: page.entries.map((entry) => this.#openListed(entry, largest)) }
  }

  failed(...args: Arguments<'failed'>): ReturnType<port.Store['failed']> {
    return this.#store.failed(...args)
  }

  async ended(...args: Arguments<'ended'>): Promise<port.EndedPage> {
    const page = await this.#store.ended(...args)
    return { ...page, tasks: page.tasks.map((task) => openTask(this.#open, task)) }
  }

  async timelines(...args: Arguments<'timelines'>): Promise<ReadonlyMap<TaskId, readonly TimelineEntry[]>> {
    const timelines = await this.#store.timelines(...args)
    return new Map(
      Array.from(timelines, ([id, timeline]) => [
        id,
        timeline.map((entry) => openEntry(this.#open, id, entry)),
      ]),
    )
  }

  find(query: port.Query): Promise<port.Page<TaskId>> {
    return this.#store.find(this.#sealQuery(query))
  }

  ahead(...args: Arguments<'ahead'>): ReturnType<port.Store['ahead']> {
    return this.#store.ahead(...args)
  }

  oldestQueued(...args: Arguments<'oldestQueued'>): ReturnType<port.Store['oldestQueued']> {
    return this.#store.oldestQueued(...args)
  }

  beginOperation(...args: Arguments<'beginOperation'>): ReturnType<port.Store['beginOperation']> {
    return this.#store.beginOperation(...args)
  }

  saveOperation(...args: Arguments<'saveOperation'>): ReturnType<port.Store['saveOperation']> {
    return this.#store.saveOperation(...args)
  }

  operation(...args: Arguments<'operation'>): ReturnType<port.Store['operation']> {
    return this.#store.operation(...args)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.#store[Symbol.asyncDispose]())
  }

  #submitWithin({ submitWithin }: port.Shared): port.Shared['submitWithin'] {
    return (transaction: CallersTransaction, submissions, options) =>
      this.#submit(submissions, (sealed) => submitWithin(transaction, sealed, options))
  }

  #submit(
    submissions: readonly Submission[],
    submit: (sealed: readonly Submission[]) => Promise<port.Submitted>,
  ): Promise<port.Submitted> {
    const ring = this.#ring
    const seal = (submission: Submission): Submission => ({
      ...submission,
      parameters: ring.seal(submission.parameters, ownerOfParameters(submission), 'parameters'),
      requestHash: submission.requestHash === null ? null : ring.hash(submission.requestHash),
      ...(submission.callback === undefined
        ? {}
        : { callback: sealCallback(ring, submission.id, submission.callback) }),
    })
    const answered = (sealed: readonly Submission[]) =>
      submit(sealed).then((answer) =>
        answer.kind === 'conflict'
          ? this.#submitLike(answer, { submissions, sealed, submit })
          : this.#openSubmitted(answer),
      )
    return ring.encrypts ? sealedAll(submissions, seal, answered) : answered(submissions)
  }

  /** An earlier request may have been hashed with another key: then this one is compared under that key. */
  async #submitLike(
    conflict: Extract<port.Submitted, { kind: 'conflict' }>,
    call: Readonly<{
      submissions: readonly Submission[]
      sealed: readonly Submission[]
      submit: (sealed: readonly Submission[]) => Promise<port.Submitted>
    }>,
  ): Promise<port.Submitted> {
    const sealed = [...call.sealed]
    let answer: port.Submitted = conflict
    while (answer.kind === 'conflict') {
      const { index, id }: Readonly<{ index: number; id: TaskId }> = answer
      const stored: string | null = (await this.#store.get(id))?.requestHash ?? null
      const own = call.submissions[index]?.requestHash ?? null
      if (stored === null || own === null || sealed[index]!.requestHash === stored) return answer
      if (this.#ring.hashLike(stored, own) !== stored) return answer
      sealed[index] = { ...sealed[index]!, requestHash: stored }
      answer = await call.submit(sealed)
    }
    return this.#openSubmitted(answer)
  }

  #openSubmitted(answer: port.Submitted): port.Submitted {
    if (answer.kind !== 'accepted') return answer
    const { tasks, moved } = answer
    const isOpen = tasks.every(({ task }) => openTask(this.#open, task) === task)
    if (isOpen && moved === undefined) return answer
    return {
      ...answer,
      ...(moved === undefined ? {} : { moved: this.#openMoves(moved) }),
      tasks: tasks.map((accepted) =>
        accepted.replayed
          ? { ...accepted, task: openTask(this.#open, accepted.task) }
          : this.#openMove(accepted),
      ),
    }
  }

  #openClaimed(claimed: port.Claimed): port.Claimed {
    const { task, parameters, checkpoint } = claimed
    const isPlain = !isSealed(parameters) && (checkpoint === null || !isSealed(checkpoint))
    return this.#openMove(
      isPlain ? claimed : { ...claimed, ...this.#openDocuments(task, { parameters, checkpoint }) },
    )
  }

  readonly #openSettled = (answers: readonly port.Settled[]): readonly port.Settled[] =>
    answers.map((answer): port.Settled => {
      if (answer.verdict === 'settled') return this.#openMove(answer)
      return answer.task === null ? answer : { ...answer, task: openTask(this.#open, answer.task) }
    })

  readonly #openMoves = (moves: readonly Move[]): readonly Move[] => moves.map((move) => this.#openMove(move))

  /** The same if nothing in it is encrypted. */
  #openMove<M extends Move>(move: M): M {
    const { before, task, entry } = move
    const opened = openTask(this.#open, task)
    const earlier = before === null ? before : openTask(this.#open, before)
    const line = openEntry(this.#open, task.id, entry)
    if (opened === task && earlier === before && line === entry) return move
    return { ...move, before: earlier, task: opened, entry: line }
  }

  #openRecord<R extends port.TaskRecord>(record: R): R {
    const { parameters, checkpoint, result, timeline } = record
    const { task: stored } = record
    const { id } = stored
    const isPlain = [parameters, checkpoint, result].every((text) => text === null || !isSealed(text))
    if (isPlain && timeline.every(({ error }) => error === undefined)) {
      const task = openTask(this.#open, record.task)
      return task === record.task ? record : { ...record, task }
    }
    return {
      ...record,
      task: openTask(this.#open, record.task),
      ...this.#openDocuments(stored, { parameters, checkpoint, result }),
      timeline: timeline.map((entry) => openEntry(this.#open, id, entry)),
    }
  }

  #openDocuments<D extends Partial<Record<Kind, Json | null>>>(
    task: Task,
    documents: D,
  ): D & Readonly<{ unreadable?: string }> {
    const opened: Partial<Record<Kind, Json | null>> = {}
    let unreadable: string | undefined
    for (const [kind, text] of Object.entries(documents) as [Kind, Json | null][]) {
      try {
        const owner = kind === 'parameters' ? ownerOfParameters(task) : task.id
        opened[kind] = text === null ? null : this.#ring.open(text, owner, kind)
      } catch (error) {
        if (!(error instanceof Unopened)) throw error
        unreadable ??= error.message
        opened[kind] = kind === 'parameters' ? 'null' : null
      }
    }
    return { ...documents, ...opened, ...(unreadable === undefined ? {} : { unreadable }) }
  }

  #openListed(entry: port.ListedTask, largest: number): port.ListedTask {
    if (entry.cut !== null) {
      const cut = this.#ring.encrypts ? this.#ring.openedLength(entry.cut) : entry.cut
      return { ...entry, task: openTask(this.#open, entry.task), cut }
    }
    const opened = this.#openRecord(entry)
    const size = Buffer.byteLength(opened.parameters)
    // The limit of encrypted texts lets larger ones pass that are not encrypted.
    return size > largest ? { ...opened, parameters: 'null', cut: size } : opened
  }

  /** Limits are for the text itself; a search looks at what is decrypted. */
  #sealQuery(query: port.Query): port.Query {
    const { reads, searched, filter } = query
    const largest = reads === undefined ? undefined : this.#largestSealed(reads.largest)
    return {
      ...query,
      ...(reads === undefined || largest === undefined ? {} : { reads: { ...reads, largest } }),
      ...(filter.text === undefined ? {} : { searched: this.#openSearched(searched) }),
    }
  }

  #largestSealed(largest: number): number {
    return this.#ring.encrypts && largest >= 0 && largest < 1e15 ? this.#ring.sealedLength(largest) : largest
  }

  #openSearched(searched: Searched | undefined): Searched {
    return (task, parameters) => {
      const { parameters: opened, unreadable } = this.#openDocuments(task, { parameters })
      const seen = { task: openTask(this.#open, task), parameters: unreadable === undefined ? opened : '' }
      return searched === undefined || unreadable !== undefined ? seen : searched(seen.task, seen.parameters)
    }
  }
}

/** What cannot be sealed is refused as the store would refuse it: by the answer. */
function sealedAll<T, Answer>(
  all: readonly T[],
  seal: (one: T) => T,
  write: (sealed: readonly T[]) => Promise<Answer>,
): Promise<Answer> {
  let sealed: readonly T[]
  try {
    sealed = all.map(seal)
  } catch (error) {
    return Promise.reject(error)
  }
  return write(sealed)
}
