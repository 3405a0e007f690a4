import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../../core/clock.ts'
import { StoreUnavailable } from '../../core/errors.ts'
import { mustBeKept, type Settlement } from '../../core/outcome.ts'
import { operationBegun, operationSeen, type Operation } from '../../core/operation.ts'
import type { IdPart } from '../../core/short-id.ts'
import {
  isActive,
  isTerminal,
  terminalStatuses,
  type NodeId,
  type Status,
  type Submission,
  type Task,
  type TaskId,
} from '../../core/task.ts'
import * as rules from '../../core/transition.ts'
import { compactLines, lineOf } from '../codec.ts'
import { checkKeys } from '../keys.ts'
import type * as port from '../store.ts'
import { timelineLimit } from '../store.ts'
import { forgetNodes, liveNodes, startNode } from './nodes.ts'
import { Commits, type Effect } from './commits.ts'
import { connect, unopenable } from './connection.ts'
import { Counters } from './counters.ts'
import { isOfMedium, refusalFor } from './failures.ts'
import { Files } from './files.ts'
import { appendLog, readLog } from './log.ts'
import { migrate } from './migrations.ts'
import { keepOperation } from './operations.ts'
import { Reader } from './reader.ts'
import { SteadyTime } from '../steady-time.ts'
import { Reserve } from './reserve.ts'
import { fixedValues, movingValues, numberOf, taskOf, type Row } from './rows.ts'
import { prepareAll, type Statements } from './statements.ts'

/**
 * Opens or makes the file; `:memory:` keeps nothing. One process owns it: a second one is refused. Times in it are those
 * of `clock`.
 */
export async function openSqlite(path: string, { clock }: { clock: Clock }): Promise<port.Store> {
  return new SqliteStore(path, clock)
}

class SqliteStore implements port.Store {
  readonly capabilities = { lease: null }
  readonly shared = null
  readonly #path: string
  readonly #time: SteadyTime
  readonly #commits: Commits
  #db: DatabaseSync
  #sql: Statements
  #counters: Counters
  #reader: Reader
  #files: Files
  readonly #reserve: Reserve
  /** When the reserve was last asked for on a full disk. */
  #lookedForRoom = Number.NEGATIVE_INFINITY
  /** Milliseconds by which the wall clock was set while this file was open, and by how many its delays have followed. */
  #clockMoved = 0
  #delaysMoved = 0
  #areDelaysBounded = false
  #number = 0
  #queuePosition = 0

  constructor(path: string, clock: Clock) {
    this.#path = path
    this.#time = new SteadyTime(clock)
    this.#db = connect(path)
    try {
      migrate(this.#db)
      this.#sql = prepareAll(this.#db)
      this.#counters = new Counters(this.#sql)
      this.#reader = new Reader(this.#sql, this.#counters)
      this.#reload()
      this.#clockMoved = this.#delaysMoved
      this.#files = new Files(path)
      this.#reserve = new Reserve(path)
      this.#keepSmall()
    } catch (error) {
      this.#db.close()
      throw unopenable(error, path)
    }
    this.#commits = new Commits(this.#db, {
      begin: () => this.#followClock(),
      flush: () => this.#flush(),
      reload: () => this.#reload(),
      reopen: () => this.#reopen(),
      loss: () => this.#files.loss,
      makeRoom: () => this.#makeRoom(),
      room: () => this.#room(),
      pages: () => this.#pragma('page_count'),
      keepReserve: () => this.#reserve.holds(this.#files.walSize),
    })
  }

  now(): number {
    return this.#time.now()
  }

  submit(submissions: readonly Submission[], options: port.SubmitOptions): Promise<port.Submitted> {
    return this.#commits.write(() => this.#submit(submissions, options), 'adds')
  }

  claim(request: port.ClaimRequest): Promise<readonly port.Claimed[]> {
    return this.#commits.claim(() => this.#claim(request))
  }

  settle(node: NodeId, settlements: readonly Settlement[]): Promise<readonly port.Settled[]> {
    return this.#commits.write(
      () => settlements.map((settlement) => this.#settle(node, settlement)),
      effectOf(settlements.map((settlement) => ({ ...settlement, ...resultOf(settlement) }))),
    )
  }

  save(node: NodeId, saves: readonly port.Save[]): Promise<readonly boolean[]> {
    return this.#commits.write(() => saves.map((save) => this.#save(node, save)), effectOf(saves))
  }

  control(commands: readonly port.Command[]): Promise<readonly port.Controlled[]> {
    return this.#commits.write(() => commands.map((command) => this.#control(command)))
  }

  unpark(node: NodeId, copies: readonly port.Copy[]): Promise<readonly rules.Move[]> {
    return this.#commits.write(() => {
      const moved: rules.Move[] = []
      for (const { id, fence, why } of copies) {
        const row = this.#row(id)
        if (row === undefined) continue
        const task = taskOf(row)
        if (task.fence !== fence) continue
        const transition = rules.unparked(task, node, why, this.#moment())
        if (transition !== null) moved.push(this.#move(numberOf(row), task, transition))
      }
      return moved
    })
  }

  releaseSlots(node: NodeId, copies: readonly port.Copy[]): Promise<void> {
    return this.#commits.write(() => {
      for (const { id, fence } of copies) {
        const gone = this.#sql.vacate.get(id, fence, node) as unknown as [string] | undefined
        if (gone !== undefined) this.#counters.addFencedOff(gone[0], -1)
      }
    })
  }

  promote(limit: number): Promise<port.Promoted> {
    return this.#commits.write(() => {
      const moment = this.#moment()
      const rows = this.#sql.due.all(moment.now, limit) as unknown as Row[]
      const moved = rows.map((row) => {
        const task = taskOf(row)
        return this.#move(numberOf(row), task, rules.promoted(task, moment))
      })
      const [next] = this.#sql.nextDue.get() as unknown as [number | null]
      return { moved, dueIn: next === null ? null : Math.max(0, next - moment.now) }
    })
  }

  async startNode(node: port.NodeInfo): Promise<void> {
    await this.#commits.write(() => {
      const now = this.#time.now()
      if (!this.#areDelaysBounded) this.#boundDelays(now)
      startNode(this.#sql, node, now)
    })
    this.#areDelaysBounded = true
  }

  renew(node: NodeId): Promise<boolean> {
    return this.#commits.write(() => this.#sql.nodeAlive.get(node) !== undefined)
  }

  reap(options: port.ReapOptions): Promise<readonly rules.Move[]> {
    return this.#commits.write(() => {
      const moved: rules.Move[] = []
      for (const row of this.#sql.orphans.all() as unknown as Row[]) {
        const task = taskOf(row)
        const poisonLimit = options.poisonLimits?.get(task.type) ?? options.poisonLimit
        const transition = rules.lost(task, { ...this.#moment(), poisonLimit })
        if (transition !== null) moved.push(this.#move(numberOf(row), task, transition))
      }
      this.#sql.dropFencedOff.run()
      this.#counters.reloadFencedOff()
      forgetNodes(this.#sql, this.#time.now())
      return moved
    })
  }

  endNode(node: NodeId): Promise<void> {
    return this.#commits.write(() => {
      this.#sql.endNode.run(this.#time.now(), node)
    })
  }

  async nodes(): Promise<readonly port.LiveNode[]> {
    return this.#read(() => liveNodes(this.#sql))
  }

  prune(retention: number, limit: number): Promise<number> {
    return this.#commits.write(() => {
      const before = this.#time.ago(retention)
      const rows = this.#sql.prunable.all(before, limit) as unknown as Row[]
      for (const row of rows) this.#delete(numberOf(row), taskOf(row))
      return rows.length
    })
  }

  purge(
    ids: readonly TaskId[],
    statuses: readonly Status[] = terminalStatuses,
  ): Promise<readonly port.Purged[]> {
    return this.#commits.write(() =>
      ids.map((id): port.Purged => {
        const row = this.#row(id)
        if (row === undefined) return { kind: 'unknown' }
        const task = taskOf(row)
        if (!isTerminal(task.status) || !statuses.includes(task.status)) return { kind: 'refused', task }
        this.#delete(numberOf(row), task)
        return { kind: 'purged' }
      }),
    )
  }

  hold(type: string, held: boolean, by: string): Promise<boolean> {
    return this.#commits.write(() => {
      if (this.#counters.isHeld(type) === held) return false
      this.#counters.setHold(type, held ? { since: this.#time.now(), by } : null)
      return true
    })
  }

  async get(id: TaskId): Promise<Task | null> {
    const row = this.#read(() => this.#row(id))
    return row === undefined ? null : taskOf(row)
  }

  async read(id: TaskId, options?: Readonly<{ brief: boolean }>): Promise<port.TaskRecord | null> {
    return this.#read(() => this.#reader.read(id, options?.brief === true))
  }

  async list(query: port.Query): Promise<port.Page<port.ListedTask>> {
    return this.#read(() => this.#reader.list(query))
  }

  async find(query: port.Query): Promise<port.Page<TaskId>> {
    return this.#read(() => this.#reader.find(query))
  }

  async resolve(part: IdPart, limit: number): Promise<readonly TaskId[]> {
    return this.#read(() => this.#reader.resolve(part, limit))
  }

  async ahead(place: port.QueuePosition, types: readonly string[], limit: number): Promise<number> {
    return this.#read(() => this.#reader.ahead(place, types, limit))
  }

  beginOperation(operation: Operation): Promise<Operation> {
    return this.#commits.write(() => {
      const begun = operationBegun(operation, this.#time.now())
      keepOperation(this.#sql, begun)
      return begun
    })
  }

  saveOperation(operation: Operation): Promise<boolean> {
    return this.#commits.write(() => keepOperation(this.#sql, operation))
  }

  operation(id: string, options?: Readonly<{ cancel: boolean }>): Promise<Operation | null> {
    return this.#commits.write(() => {
      const kept = this.#reader.operation(id)
      if (kept === null) return null
      const seen = operationSeen(kept, this.#sql.nodeAlive.get(kept.node) !== undefined)
      if (options?.cancel === true && seen.status === 'running') this.#sql.cancelOperation.run(id)
      return seen
    })
  }

  async log(id: TaskId, after: number, limit: number): Promise<readonly port.NumberedLine[] | null> {
    return this.#read(() => {
      const row = this.#row(id)
      return row === undefined ? null : readLog(this.#sql, numberOf(row), after, limit)
    })
  }

  async counts(): Promise<port.Counts> {
    return this.#counters.snapshot()
  }

  /** It leaves out a number of the sequence: what writes the same value again is not written. */
  probe(): Promise<void> {
    return this.#commits.write(() => {
      this.#queuePosition += 1
    }, 'adds')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#commits.close()
    // A close deletes the -wal file by its name: by now it may belong to another database.
    if (this.#db.isOpen && this.#files.loss === undefined) this.#db.close()
  }

  #submit(submissions: readonly Submission[], { by, maxQueued }: port.SubmitOptions): port.Submitted {
    const keys = checkKeys(submissions, (key) => {
      const row = this.#sql.rowByKey.get(key) as unknown as Row | undefined
      return row === undefined ? undefined : taskOf(row)
    })
    if (keys.kind === 'conflict') return keys
    const { known, wanted } = keys
    if (wanted > 0 && this.#counters.waiting + wanted > maxQueued) return { kind: 'full' }

    const moment = { ...this.#moment(), by }
    const inBatch = new Map<string, Task>()
    const tasks = submissions.map((submission, index): port.Accepted => {
      const key = submission.idempotencyKey
      const earlier = known.get(index) ?? (key === null ? undefined : inBatch.get(key))
      if (earlier !== undefined) return { task: earlier, replayed: true }
      const move = rules.submitted(submission, moment)
      const { task, entry } = move
      const rowId = ++this.#number
      this.#sql.insertTask.run(...fixedValues(rowId, task), ...movingValues(task), lineOf(entry))
      this.#sql.insertParameters.run(rowId, submission.parameters)
      for (const tag of task.tags) this.#sql.insertTag.run(tag, task.createdAt, rowId)
      this.#counters.add(task.type, task.status, 1)
      if (key !== null) inBatch.set(key, task)
      return { replayed: false, ...move }
    })
    return { kind: 'accepted', tasks }
  }

  #claim({ node, limit, types }: port.ClaimRequest): port.Claimed[] {
    if (limit <= 0 || this.#sql.nodeAlive.get(node) === undefined) return []
    const moment = this.#moment()
    return this.#reader.queueHeads(node, types, limit).map((rowId) => {
      const task = taskOf(this.#sql.rowByNumber.get(rowId) as unknown as Row)
      const moved = this.#move(rowId, task, rules.claimed(task, node, moment))
      return {
        ...moved,
        previousFence: task.fence,
        parameters: this.#reader.document('parameters', rowId) ?? 'null',
        // A first claim cannot have one: spare the look.
        checkpoint: task.attempt === 0 ? null : this.#reader.document('checkpoint', rowId),
      }
    })
  }

  #settle(node: NodeId, settlement: Settlement): port.Settled {
    mustBeKept(settlement)
    const row = this.#row(settlement.id)
    if (row === undefined) return { verdict: 'superseded', task: null, entry: null }
    const task = taskOf(row)
    const settled = rules.settled(task, settlement, node, this.#moment())
    if (settled.verdict !== 'settled') return { verdict: settled.verdict, task, entry: null }
    const rowId = numberOf(row)
    const moved = this.#move(rowId, task, settled.move)
    if (settlement.checkpoint !== undefined) this.#sql.putCheckpoint.run(rowId, settlement.checkpoint)
    if (settlement.log !== undefined) appendLog(this.#sql, rowId, settlement.log)
    if (settlement.outcome.kind === 'completed') this.#sql.putResult.run(rowId, settlement.outcome.result)
    if (settlement.fencedOff === true) {
      this.#sql.fenceOff.run(task.id, settlement.fence, node, task.type)
      this.#counters.addFencedOff(task.type, 1)
    }
    return { verdict: 'settled', ...moved }
  }

  #save(node: NodeId, save: port.Save): boolean {
    mustBeKept(save)
    const { id, fence, checkpoint, progress, log } = save
    const row = this.#row(id)
    if (row === undefined) return false
    const task = taskOf(row)
    if (task.fence !== fence || task.ownerNode !== node || !isActive(task.status)) return false
    const rowId = numberOf(row)
    const crashes = checkpoint === undefined ? task.crashes : 0
    const shown = progress === undefined ? null : JSON.stringify(progress)
    const savedAt = this.#time.nowAsOf(task.statusSince)
    this.#sql.save.run(shown, crashes, savedAt, rowId, fence)
    if (checkpoint !== undefined) this.#sql.putCheckpoint.run(rowId, checkpoint)
    if (log !== undefined) appendLog(this.#sql, rowId, log)
    return true
  }

  #control({ id, control, by, fromStart }: port.Command): port.Controlled {
    const row = this.#row(id)
    if (row === undefined) return { kind: 'unknown' }
    const task = taskOf(row)
    const rowId = numberOf(row)
    const codeAlive = control === 'retry' && this.#sql.codeAlive.get(id) !== undefined
    const answer = rules.controlled(task, control, { ...this.#moment(), by, codeAlive, fromStart })
    if (answer.kind !== 'moved') return { ...answer, task }
    if (control === 'retry') {
      this.#sql.dropResult.run(rowId)
      if (fromStart === true) this.#sql.dropCheckpoint.run(rowId)
    }
    return { kind: 'moved', ...this.#move(rowId, task, answer.move) }
  }

  #move(rowId: number, from: Task, move: rules.Move): rules.Move {
    const { task, entry } = move
    const { changes } = this.#sql.move.run(
      ...movingValues(task),
      `,${lineOf(entry)}`,
      rowId,
      from.status,
      from.version,
    )
    if (changes !== 1) throw new Error(`the row of task ${task.id} moved inside a transaction`)
    if (from.status !== task.status) {
      this.#counters.add(task.type, from.status, -1)
      this.#counters.add(task.type, task.status, 1)
    }
    if (task.version > timelineLimit && task.version % 50 === 0) {
      const [lines] = this.#sql.timeline.get(rowId) as unknown as [string]
      this.#sql.setTimeline.run(compactLines(lines), rowId)
    }
    return move
  }

  #moment(): rules.TransitionContext {
    return { now: this.#time.now(), nextQueuePosition: this.#nextQueuePosition, elapsed: this.#elapsed }
  }

  readonly #elapsed = (since: number) => this.#time.elapsed(since)

  /**
   * When the wall clock was set, delays last as long as they were to. What they have followed is in the same commit: one
   * whose answer was lost is not done twice.
   */
  #followClock(): void {
    this.#clockMoved += this.#time.look()
    const by = this.#clockMoved - this.#delaysMoved
    if (by === 0) return
    this.#sql.moveDelays.run(by)
    this.#sql.movePausedDelays.run(by)
    this.#sql.setClockMoved.run(this.#clockMoved)
    this.#delaysMoved = this.#clockMoved
  }

  /** Nobody knows by how much the wall clock was set back while no process had this file: no delay begins more than anew. */
  #boundDelays(now: number): void {
    this.#sql.boundDelays.run(now)
    this.#sql.boundPausedDelays.run(now)
  }

  readonly #nextQueuePosition = () => ++this.#queuePosition

  #row(id: TaskId): Row | undefined {
    return this.#reader.row(id)
  }

  #delete(rowId: number, task: Task): void {
    const { deleteTask, deleteParameters, dropCheckpoint, dropResult, dropLog } = this.#sql
    for (const drop of [deleteTask, deleteParameters, dropCheckpoint, dropResult, dropLog]) drop.run(rowId)
    for (const tag of task.tags) this.#sql.deleteTag.run(tag, task.createdAt, rowId)
    this.#counters.add(task.type, task.status, -1)
  }

  #read<T>(look: () => T): T {
    if (!this.#db.isOpen) throw new StoreUnavailable('The store is closed.', { unknown: false })
    try {
      return look()
    } catch (error) {
      if (!isOfMedium(error)) throw error
      this.#commits.mistrust(error)
      throw refusalFor(error, false)
    }
  }

  /** On a full disk: the room of the reserve, and of what is in the log and not in the database yet. */
  #makeRoom(): boolean {
    const given = this.#reserve.giveUp()
    const [moved] = this.#db.prepare('pragma wal_checkpoint(passive)').all() as unknown as Checkpoint[]
    return given || (moved !== undefined && moved.log > 0 && moved.log === moved.checkpointed)
  }

  #room(): 'again' | 'freed' | 'none' {
    const now = performance.now()
    if (now - this.#lookedForRoom > lookForRoomAfter) {
      this.#lookedForRoom = now
      if (this.#reserve.holdsAgain(this.#files.walSize)) return 'again'
    }
    return this.#pragma('freelist_count') >= pagesOfRoom ? 'freed' : 'none'
  }

  /** The log never holds more than the reserve could move to the database. */
  #keepSmall(): void {
    this.#db.exec(`pragma wal_autocheckpoint = ${this.#reserve.checkpointAfter}`)
  }

  #pragma(name: string): number {
    return Number(this.#db.prepare(`pragma ${name}`).get()?.[name])
  }

  #flush(): void {
    this.#counters.flush()
    this.#sql.setSequence.run(this.#queuePosition)
  }

  #reload(): void {
    this.#counters.reload()
    this.#number = (this.#sql.maxNumber.get() as unknown as [number])[0]
    this.#queuePosition = (this.#sql.sequence.get() as unknown as [number])[0]
    this.#delaysMoved = (this.#sql.clockMoved.get() as unknown as [number])[0]
  }

  #reopen(): DatabaseSync {
    // What is opened by its name must be what was open: an empty one would be made in its place.
    const { loss } = this.#files
    if (loss !== undefined) throw loss
    if (this.#db.isOpen) this.#db.close()
    this.#db = connect(this.#path)
    this.#files = new Files(this.#path)
    this.#keepSmall()
    this.#sql = prepareAll(this.#db)
    this.#counters = new Counters(this.#sql)
    this.#reader = new Reader(this.#sql, this.#counters)
    return this.#db
  }
}

/** As the pragma answers. */
type Checkpoint = Readonly<{ log: number; checkpointed: number }>

/** Free pages that are worth a try: a small group of submits fits in. */
const pagesOfRoom = 32

/** Milliseconds between tries to have the reserve again. */
const lookForRoomAfter = 500

/** Bytes of documents that are written on a full disk, so that what runs can end and be deleted. */
const smallDocuments = 1_024

type Documents = Readonly<{
  checkpoint?: string
  result?: string
  log?: readonly Readonly<{ text: string }>[]
}>

function effectOf(writes: readonly Documents[]): Effect {
  const small = writes.every(({ checkpoint = '', result = '', log = [] }) => {
    const lines = log.reduce((sum, { text }) => sum + text.length, 0)
    return checkpoint.length + result.length + lines <= smallDocuments
  })
  return small ? 'keeps' : 'adds'
}

function resultOf({ outcome }: Settlement): Readonly<{ result?: string }> {
  return outcome.kind === 'completed' ? { result: outcome.result } : {}
}
