import { StoreUnavailable } from '../../src/core/errors.ts'
import type { Submission } from '../../src/core/task.ts'
import type { Prepared } from '../../src/store/memory/store.ts'
import type { ScheduleStore } from '../../src/store/schedule-store.ts'
import type { FigureStore } from '../../src/store/figure-store.ts'
import type { WorkerStore } from '../../src/store/worker-store.ts'
import type { CallersTransaction } from '../../src/store/sharing.ts'
import type { Shared, Store, SubmitOptions, Submitted } from '../../src/store/store.ts'
import type { Chance } from '../support/chance.ts'
import { noReleases } from './dependencies.ts'
import { nothingExpires } from './expiry.ts'
import { nobodyIsAsked } from './preemption.ts'
import { noTaskSteps } from './task-steps.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { VirtualTime } from './virtual-time.ts'

/** The store that carries out the calls, and what the world needs to know about it. */
export type Backend = AsyncDisposable &
  Readonly<{
    /** Several nodes may share it. */
    shared: boolean
    /** Calls of one turn are carried out in one commit, or fail together. */
    groups: boolean
    /** The store as one process has opened it. */
    open(process: SimulatedProcess): Promise<Store>
    /** The process has ended. */
    close?(process: SimulatedProcess): Promise<void>
    /** Where the checker reads. */
    truth: Store
    renew?(node: string): Promise<boolean>
    prepare?(submissions: readonly Submission[], options: SubmitOptions): Promise<Prepared>
  }>

/** A call of a process that was carried out. */
export type Executed = Readonly<{
  process: SimulatedProcess
  verb: string
  args: readonly unknown[]
  answer: unknown
}>

export type Observer = (executed: Executed) => Promise<void>

/**
 * What can happen to a call. `refuse`: nothing is recorded, and the caller knows. `lose-request`, `lose-answer` and `late`:
 * the caller is told that the outcome is unknown; it is not recorded, it is, or it will be. `hang`: everything takes long.
 */
export const storeFaults = ['refuse', 'lose-request', 'lose-answer', 'late', 'hang'] as const
export type StoreFault = (typeof storeFaults)[number]

export type FaultWindow = Readonly<{
  fault: StoreFault
  /** From 0 to 1. */
  share: number
  /** The machines that it concerns. */
  machines: ReadonlySet<number>
  /** Default all calls. */
  only?: 'reads' | 'saves'
}>

type Call = Readonly<{
  process: SimulatedProcess
  store: Store
  verb: string
  args: readonly unknown[]
  resolve: (answer: unknown) => void
  reject: (error: unknown) => void
}>

/** Calls with one fate, in the order in which they are carried out. */
type Group = Readonly<{ process: SimulatedProcess; calls: readonly Call[] }>

type Answer = () => void

const settling = new Set(['settle', 'save', 'unpark', 'releaseSlots'])
const reading = new Set([
  'get',
  'read',
  'log',
  'counts',
  'nodes',
  'probe',
  'list',
  'find',
  'resolve',
  'steps',
  'ahead',
  'predecessors',
  'keys.read',
  'joins.states',
  'joins.outcomes',
  'limits.buckets',
  'limits.explain',
  'limits.list',
  'schedules.due',
  'schedules.lag',
  'schedules.list',
  'schedules.ticks',
  'schedules.view',
  'waits.find',
  'waits.list',
])

/** No remote workers. */
const noWorkers: Pick<WorkerStore, 'list' | 'see'> = { list: async () => [], see: async () => {} }

const noFigures: FigureStore = { put: async () => {}, since: async () => [] }

/** What a scheduler sees that has nothing to do. */
const noSchedules: Pick<ScheduleStore, 'due' | 'lag' | 'list' | 'prune'> = {
  due: async () => ({ ids: [], dueIn: null }),
  lag: async () => 0,
  list: async () => [],
  prune: async () => ({ next: null, deleted: 0 }),
}

/** Milliseconds after which a client gives up on an answer. */
const givesUpAfter = 3_000
/** The longest time that a call hangs. */
const longestHang = 20_000

/**
 * The way from the engine to its store and back. A call is on its way, is carried out at one moment, and is answered later:
 * what is not carried out yet is volatile, and lost with a database that crashes. In between, anything can fail.
 */
export class Database {
  /** Maximum milliseconds of a way. */
  latency = 3
  /** Without them, looks at schedules draw no fates, and take no real time. */
  hasSchedules = false
  /** The same for tasks that wait for others, and for those with children. */
  hasDependencies = false
  /** The same for tasks that must start in time. */
  hasExpiry = false
  /** The same for tasks that make room for others. */
  hasPreemption = false
  /** The same for handlers that recall steps. */
  hasTaskSteps = false
  readonly windows = new Set<FaultWindow>()
  /** Calls carried out so far. */
  executed = 0
  readonly #backend: Backend
  readonly #time: VirtualTime
  readonly #chance: Chance
  readonly #observe: Observer
  #pending: Call[] = []
  /** Not carried out yet, or not answered yet, with what happens if the database crashes. */
  readonly #outstanding = new Set<{ crash: () => void }>()
  readonly #lastOfLane = new Map<string, number>()
  #executing: Promise<void> | undefined

  constructor(backend: Backend, time: VirtualTime, chance: Chance, observe: Observer) {
    this.#backend = backend
    this.#time = time
    this.#chance = chance
    this.#observe = observe
  }

  /** The store as this process sees it. */
  viewOf(process: SimulatedProcess, store: Store, shared: Omit<Shared, 'submitWithin'> | null): Store {
    const within: Shared['submitWithin'] = (transaction, submissions, options) =>
      this.call(process, store, 'prepare', [transaction, submissions, options]) as Promise<Submitted>
    const all = shared === null ? null : { ...shared, submitWithin: within }
    const verbs = new Map<string, (...args: unknown[]) => unknown>()
    return new Proxy(store, {
      get: (target, key) => {
        if (key === 'shared') return all
        if (key === 'now') return () => target.now()
        if (key === Symbol.asyncDispose) return async () => {}
        const value: unknown = Reflect.get(target, key)
        if (typeof key !== 'string') return value
        // Nothing is as old as its retention: a fate for each look would only shift those of all other calls.
        if (key === 'audit') return { prune: async () => 0 }
        if (key === 'release' && !this.hasDependencies) return noReleases
        if (key === 'expire' && !this.hasExpiry) return nothingExpires
        if (key === 'steps' && !this.hasTaskSteps) return noTaskSteps
        if (key === 'preempt' && !this.hasPreemption) return nobodyIsAsked
        if (key === 'schedules' && !this.hasSchedules) return noSchedules
        // There are none: looks at them draw no fates, and take no real time.
        if (key === 'workers') return noWorkers
        // What nodes count decides nothing.
        if (key === 'figures') return noFigures
        if (typeof value === 'object' && value !== null) return this.#partOf(process, store, key, value)
        if (typeof value !== 'function') return value
        let verb = verbs.get(key)
        if (verb === undefined) verbs.set(key, (verb = (...args) => this.call(process, store, key, args)))
        return verb
      },
    })
  }

  /** A part of the store with verbs of its own, such as its keys. */
  #partOf(process: SimulatedProcess, store: Store, name: string, part: object): object {
    return new Proxy(part, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key)
        if (typeof key !== 'string' || typeof value !== 'function') return value
        return (...args: unknown[]) => this.call(process, store, `${name}.${key}`, args)
      },
    })
  }

  call(process: SimulatedProcess, store: Store, verb: string, args: readonly unknown[]): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.#pending.push({ process, store, verb, args, resolve, reject })
    return promise
  }

  /** Everything that was called since the last turn is sent. */
  endTurn(): void {
    if (this.#pending.length === 0) return
    const calls = this.#pending
    this.#pending = []
    for (const [process, own] of Map.groupBy(calls, (call) => call.process)) {
      const writes = own.filter(({ verb }) => !settling.has(verb) && !reading.has(verb) && verb !== 'renew')
      const others = own.filter((call) => !writes.includes(call))
      if (this.#backend.groups) {
        const all = [...writes, ...others.filter(({ verb }) => settling.has(verb))]
        const group = [
          ...all.filter(({ verb }) => verb !== 'claim'),
          ...all.filter(({ verb }) => verb === 'claim'),
        ]
        if (group.length > 0) this.#send({ process, calls: group }, 'writes')
        for (const call of others.filter(({ verb }) => !settling.has(verb)))
          this.#send({ process, calls: [call] })
      } else {
        for (const call of writes) this.#send({ process, calls: [call] }, 'writes')
        for (const call of others) {
          this.#send({ process, calls: [call] }, settling.has(call.verb) ? 'settlements' : undefined)
        }
      }
    }
  }

  /** Opens the store for a process. It may take real time, in which no virtual time passes. */
  open(process: SimulatedProcess): Promise<Store> {
    const opening = this.#backend.open(process)
    const before = this.#executing
    this.#executing = (async () => {
      await Promise.allSettled([before, opening])
      this.#executing = undefined
    })()
    return opening
  }

  /** Until everything that is being carried out has been. */
  async idle(): Promise<void> {
    while (this.#executing !== undefined) await this.#executing
  }

  /** What was not carried out is lost, and nobody gets an answer. */
  crash(): void {
    for (const { crash } of this.#outstanding) crash()
    this.#outstanding.clear()
  }

  #send(group: Group, lane?: string): void {
    const { process, calls } = group
    const name = lane === undefined ? undefined : `${process.name} ${lane}`
    const fault = this.#faultOf(group)
    const way = () => this.#chance.between(1, this.latency)
    const unknown = () => this.#fail(group, true, 'The simulated database did not answer.')
    let out = way()
    let back = way()
    if (fault === 'refuse') {
      this.#time.after(out, () => this.#fail(group, false, 'The simulated database refused the call.'))
      return
    }
    if (fault === 'lose-request') return void this.#time.after(givesUpAfter, unknown)
    // The rows of a running task stay locked until the outcome is known, and an embedded database commits in order.
    if (fault === 'late' && this.#backend.shared && !calls.some(({ verb }) => settling.has(verb))) {
      this.#time.after(this.#chance.between(1, givesUpAfter), unknown)
      this.#time.after(this.#chance.between(givesUpAfter, longestHang), () => this.#carryOut(group, () => {}))
      return
    }
    if (fault === 'hang') {
      if (this.#chance.next() < 0.5) out += this.#chance.between(1, longestHang)
      else back += this.#chance.between(1, longestHang)
    }
    // What one connection carries arrives in order.
    const arrival = Math.max(this.#time.now + out, name === undefined ? 0 : (this.#lastOfLane.get(name) ?? 0))
    if (name !== undefined) this.#lastOfLane.set(name, arrival)
    const isRead = calls.every(({ verb }) => reading.has(verb))
    const outstanding = { crash: () => {} }
    this.#outstanding.add(outstanding)
    const answerLater = (answer: Answer) => {
      if (fault === 'lose-answer') {
        this.#outstanding.delete(outstanding)
        this.#time.after(givesUpAfter, unknown)
        return
      }
      const stop = this.#time.after(back, () => {
        this.#outstanding.delete(outstanding)
        process.enter(threadOf(group), 'store', answer)
      })
      outstanding.crash = () => {
        stop()
        this.#time.after(way(), () => this.#fail(group, !isRead, 'The simulated database crashed.'))
      }
    }
    const stop = this.#time.after(arrival - this.#time.now, () => this.#carryOut(group, answerLater))
    outstanding.crash = () => {
      stop()
      this.#time.after(way(), () => this.#fail(group, !isRead, 'The simulated database crashed.'))
    }
  }

  #carryOut(group: Group, answerLater: (answer: Answer) => void): void {
    const { process } = group
    const run = () => {
      this.#executing = (this.#executing ?? Promise.resolve()).then(async () => {
        const answers: Answer[] = []
        for (const call of group.calls) answers.push(await this.#executeOne(call))
        answerLater(() => {
          for (const answer of answers) answer()
        })
        this.#executing = undefined
      })
    }
    // An embedded database is part of the process.
    if (this.#backend.shared) run()
    else process.enter('main', 'store', run)
  }

  async #executeOne({ process, store, verb, args, resolve, reject }: Call): Promise<Answer> {
    this.executed += 1
    try {
      const answer = await this.#perform(store, verb, args)
      if (!reading.has(verb)) await this.#observe({ process, verb, args, answer })
      return () => resolve(answer)
    } catch (error) {
      return () => reject(error)
    }
  }

  async #perform(store: Store, verb: string, args: readonly unknown[]): Promise<unknown> {
    if (verb === 'renew') return this.#backend.renew?.(args[0] as string)
    if (verb === 'prepare') {
      const [transaction, submissions, options] = args as [
        SimulatedTransaction,
        readonly Submission[],
        SubmitOptions,
      ]
      const prepared = await this.#backend.prepare?.(submissions, options)
      if (prepared === undefined) throw new Error('this store has no transactions of callers in a simulation')
      transaction.prepared.push(prepared)
      return prepared.answer
    }
    if (verb === 'commit') return (args[0] as SimulatedTransaction).commit()
    const [name = '', part] = verb.split('.').toReversed()
    const target = part === undefined ? store : (Reflect.get(store, part) as object)
    const method = Reflect.get(target, name) as (...own: unknown[]) => Promise<unknown>
    return method.apply(target, [...args])
  }

  #fail(group: Group, unknown: boolean, message: string): void {
    group.process.enter(threadOf(group), 'store', () => {
      for (const { reject, verb } of group.calls) {
        reject(new StoreUnavailable(message, { unknown: unknown && !reading.has(verb) }))
      }
    })
  }

  #faultOf({ process, calls }: Group): StoreFault | undefined {
    const isRead = calls.every(({ verb }) => reading.has(verb))
    const isSave = calls.every(({ verb }) => verb === 'save')
    for (const { fault, share, machines, only } of this.windows) {
      if ((only === 'reads' && !isRead) || (only === 'saves' && !isSave)) continue
      if (!machines.has(process.machine.number) || this.#chance.next() >= share) continue
      return isRead && fault !== 'hang' ? 'refuse' : fault
    }
    return undefined
  }
}

function threadOf({ calls }: Group): 'main' | 'renewer' {
  return calls[0]?.verb === 'renew' ? 'renewer' : 'main'
}

/** A transaction of a caller's program. Whatever is submitted in it exists once it is committed. */
export class SimulatedTransaction implements CallersTransaction {
  readonly prepared: Prepared[] = []

  async query(): Promise<never> {
    throw new Error('the simulated store reads no SQL')
  }

  commit(): readonly Submitted[] {
    for (const { commit } of this.prepared) commit()
    return this.prepared.map(({ answer }) => answer)
  }
}
