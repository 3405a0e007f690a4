import { Chance } from '../support/chance.ts'
import { ScheduleExists, ScheduleUnknown } from '../../src/core/errors.ts'
import { isTerminal } from '../../src/core/task.ts'
import { validatorOf } from '../../src/registry/json-schema.ts'
import { Callers } from './callers.ts'
import { Checker } from './checker.ts'
import { Database, type Backend } from './database.ts'
import type { LiveRun } from './live-runs.ts'
import { LimitWitness } from './limits.ts'
import { Network } from './network.ts'
import { SimulatedNode, type Surroundings } from './node.ts'
import type { Violation } from './promises.ts'
import type { Happening, Script } from './script.ts'
import { epoch, Machine, type SimulatedProcess } from './simulated-process.ts'
import { VirtualTime } from './virtual-time.ts'
import { WebhookWitness } from './webhooks.ts'

export type Outcome = Readonly<{
  violation: Violation | undefined
  /** Everything that happened, as a number: equal for equal runs. */
  hash: number
  steps: number
  /** Virtual milliseconds. */
  passed: number
  calls: number
  /** How often each step of a task had its effect. */
  effects: ReadonlyMap<string, number>
  /** What was stored when the world was cut; undefined if it was not. */
  cut: Readonly<{ stored: readonly string[] }> | undefined
  /** Only if a history is wanted. */
  history: readonly string[]
}>

/** Where code dies: after this event, or as the effect of a step with this number happens. `node`: its process, and not only its thread. */
export type Cut = Readonly<{ node: boolean } & ({ event: number } | { effect: number })>

export type OpenBackend = (
  script: Script,
  time: VirtualTime,
  machines: readonly Machine[],
) => Promise<Backend>

/** How long everything may take to end once faults have stopped. */
const endsWithin = 1_200_000
/** A task that has not moved for so long moves no more: longer than any step, any back-off and any poll of the engine. */
const stuckAfter = 150_000
/** Milliseconds without a move after which no tick can be late: longer than any freeze, any hang and any restart. */
const ticksWithin = 60_000
/** Between the looks at whether everything has ended. */
const lookEvery = 1_000

/** A whole cluster with its callers and its faults, on virtual time. */
export class World {
  readonly #script: Script
  readonly #time = new VirtualTime()
  readonly #chance: Chance
  readonly #machines: readonly Machine[]
  readonly #nodes = new Map<Machine, SimulatedNode>()
  readonly #history: string[] = []
  readonly #isTold: boolean
  readonly #cut: Cut | undefined
  #effects = 0
  #wasCut: Outcome['cut']
  readonly #ending: Promise<void>[] = []
  #hash = 0x811c9dc5
  #surroundings!: Surroundings
  #callers!: Callers
  #starts = 0
  #ids = 0
  #isCalm = false
  /** Ids of schedules that were acknowledged, and of those that were deleted again. */
  readonly #created = new Set<string>()
  readonly #removed = new Set<string>()

  constructor(script: Script, { isTold = false, cut }: Readonly<{ isTold?: boolean; cut?: Cut }> = {}) {
    this.#cut = cut
    this.#script = script
    this.#isTold = isTold
    this.#chance = new Chance(script.seed ^ 0x2545f491)
    this.#machines = Array.from(
      { length: script.setting.machines },
      (_, number) => new Machine(number, this.#time),
    )
  }

  async run(open: OpenBackend): Promise<Outcome> {
    const { setting, happenings } = this.#script
    const backend = await open(this.#script, this.#time, this.#machines)
    // Loads what checks answers: later, that would take real time.
    if (setting.taskWaits) await validatorOf({}, 'schema')
    const trace = (line: () => string) => this.#trace(line)
    const limits = new Map([
      ['limited', setting.concurrency],
      ['threaded', 2],
    ])
    const time = this.#time
    const witness = setting.limits === null ? null : new LimitWitness(!this.#hasJumps)
    const checker = new Checker({
      time,
      truth: () => backend.truth,
      lease: setting.shared ? setting.lease : null,
      limits,
      most: setting.most,
      named: witness,
      schedules: setting.schedules,
      calmFrom: setting.length,
      trace,
      effect: (run) => this.#effect(run),
    })
    const database = new Database(backend, time, this.#chance, (executed) => checker.committed(executed))
    database.latency = setting.latency
    database.hasSchedules = setting.schedules.length > 0
    database.hasDependencies = setting.dependencies || setting.children
    database.hasExpiry = setting.expiry
    database.hasPreemption = setting.preemption
    database.hasTaskSteps = setting.taskSteps
    const network = new Network(time, this.#chance)
    const newId = () => `i${++this.#ids}`
    const { receivers } = setting
    const webhooks =
      receivers === null
        ? null
        : new WebhookWitness({
            receivers,
            seed: this.#script.seed,
            time,
            recordOf: (id) => checker.tasks.get(id)?.record,
            ids: () => checker.tasks.keys(),
            fail: (message) => checker.fail('told', message),
            trace,
          })
    this.#surroundings = {
      setting,
      time,
      chance: this.#chance,
      backend,
      database,
      network,
      checker,
      newId,
      webhooks,
      trace,
    }
    const waits = setting.dependencies ? new Chance(happenings.length) : null
    const urgent = setting.preemption ? new Chance(happenings.length + 2) : null
    const expiry = setting.expiry ? new Chance(happenings.length + 1) : null
    this.#callers = new Callers({ checker, database, time, trace, waits, expiry, urgent })
    for (const machine of this.#machines) this.#start(machine, this.#chance.between(0, 200))
    for (const happening of happenings) {
      time.after(happening.at, () => {
        trace(() => `- ${JSON.stringify(happening)}`)
        this.#happen(happening)
      })
    }
    if (setting.schedules.length > 0) time.after(300, () => this.#createSchedules())
    if (webhooks !== null) time.after(250, () => this.#createWebhooks(webhooks))
    time.after(setting.length + 1, () => this.#calmDown())
    try {
      await this.#passUntil(() => this.#isCalm)
      await this.#endAll()
    } finally {
      await backend[Symbol.asyncDispose]()
    }
    return {
      violation: checker.violation,
      hash: this.#hash,
      steps: checker.events,
      passed: time.now,
      calls: database.executed,
      effects: checker.steps.effects,
      cut: this.#wasCut,
      history: this.#history,
    }
  }

  /** Until it holds, or something is wrong. False if it does not hold within `ms`. */
  async #passUntil(holds: () => boolean, ms = Number.POSITIVE_INFINITY): Promise<boolean> {
    const { checker, database } = this.#surroundings
    const until = this.#time.now + ms
    while (checker.violation === undefined) {
      if (holds()) return true
      const { next } = this.#time
      if (next === undefined || next > until) return false
      this.#time.step()
      await settled()
      await database.idle()
      database.endTurn()
      checker.check()
      await this.#cutAfter(checker.events)
      this.#checkSlots()
      this.#hash = Math.imul(this.#hash ^ (checker.events + this.#time.now), 0x01000193)
    }
    return false
  }

  async #cutAfter(event: number): Promise<void> {
    if (this.#cut === undefined || !('event' in this.#cut) || this.#cut.event !== event) return
    const [run] = this.#surroundings.checker.runs
    if (run !== undefined) this.#kill(run, this.#cut.node)
    else this.#happen({ at: 0, kind: 'kill', machine: 0, restartIn: 1 })
    await this.#noteCut()
  }

  /** Code of the handler calls this: nothing of its process happens afterwards. */
  #effect(run: LiveRun): void {
    this.#effects += 1
    if (this.#cut === undefined || !('effect' in this.#cut) || this.#cut.effect !== this.#effects) return
    this.#kill(run, this.#cut.node)
    this.#wasCut = { stored: [] }
  }

  #kill({ identity: { process } }: LiveRun, node: boolean): void {
    const machine = process.machine.number
    if (node) this.#happen({ at: 0, kind: 'kill', machine, restartIn: 1 })
    else this.#happen({ at: 0, kind: 'crash-run', machine })
  }

  async #noteCut(): Promise<void> {
    const { backend } = this.#surroundings
    const stored: string[] = []
    for (const { id } of this.#unfinished()) {
      const page = await backend.truth.steps(id, { after: 0, limit: 1_000, bytes: 1e9 })
      stored.push(
        ...(page?.steps ?? []).filter(({ status }) => status === 'completed').map(({ name }) => name),
      )
    }
    if (this.#unfinished().length > 0) this.#wasCut = { stored }
  }

  #checkSlots(): void {
    const { checker } = this.#surroundings
    if (!checker.slotsChanged()) return
    const running = new Map<SimulatedProcess, number>()
    const own = new Map<SimulatedProcess, number>()
    for (const { identity, isSuspended, stopsFromPark, hasEnded } of checker.runs) {
      if (isSuspended || hasEnded) continue
      running.set(identity.process, (running.get(identity.process) ?? 0) + 1)
      if (!stopsFromPark) own.set(identity.process, (own.get(identity.process) ?? 0) + 1)
    }
    for (const { process, manager } of this.#nodes.values()) {
      if (manager === undefined || !process.isAlive) continue
      const { slotsInUse, maxConcurrent } = manager.state
      const count = running.get(process) ?? 0
      checker.expect(
        'limits',
        (own.get(process) ?? 0) <= maxConcurrent,
        () => `${process.name} runs ${own.get(process)} tasks in ${maxConcurrent} slots`,
      )
      checker.expect(
        'cancelled',
        count <= slotsInUse,
        () => `${process.name} runs ${count} tasks, but only ${slotsInUse} slots are in use`,
      )
    }
  }

  #happen(happening: Happening): void {
    const { database, network } = this.#surroundings
    const time = this.#time
    switch (happening.kind) {
      case 'kill': {
        const node = this.#nodeOn(happening.machine)
        if (node === undefined) return
        this.#end(node)
        this.#start(node.process.machine, happening.restartIn)
        return
      }
      case 'close': {
        const node = this.#nodeOn(happening.machine)
        if (node?.isUsable !== true) return
        node.isClosing = true
        node.process.enter('main', 'caller', () => {
          void node.manager!.close().then(() => {
            this.#end(node)
            this.#start(node.process.machine, happening.restartIn)
          })
        })
        return
      }
      case 'freeze': {
        const node = this.#nodeOn(happening.machine)
        if (node === undefined) return
        const thaw = node.process.freeze(happening.whole ? ['main', 'renewer'] : ['main'])
        time.after(happening.ms, thaw)
        return
      }
      case 'jump':
        this.#machines[happening.machine]!.skew += happening.ms
        return
      case 'crash-run':
        this.#nodeOn(happening.machine)?.executor.crashOne()
        return
      case 'shortage': {
        const executor = this.#nodeOn(happening.machine)?.executor
        if (executor === undefined) return
        executor.hasShortage = true
        time.after(happening.ms, () => {
          executor.hasShortage = false
        })
        return
      }
      case 'store-fault': {
        const { fault, share, machines, only } = happening
        const window = { fault, share, machines: new Set(machines), ...(only === undefined ? {} : { only }) }
        database.windows.add(window)
        time.after(happening.ms, () => database.windows.delete(window))
        return
      }
      case 'store-crash': {
        database.crash()
        const window = {
          fault: 'refuse',
          share: 1,
          machines: new Set(this.#machines.map(({ number }) => number)),
        } as const
        database.windows.add(window)
        time.after(happening.ms, () => database.windows.delete(window))
        return
      }
      case 'network-fault': {
        const { lost, doubled, late } = happening
        Object.assign(network, { lost, doubled, late })
        time.after(happening.ms, () => Object.assign(network, { lost: 0, doubled: 0, late: 20 }))
        return
      }
      default: {
        if (happening.kind === 'transact' && this.#surroundings.backend.prepare === undefined) return
        const node = this.#nodeOf(happening)
        if (node === undefined) return
        node.process.enter('main', 'caller', () => this.#callers.call(happening, node))
      }
    }
  }

  /** The node that is called: the one on a certain machine, or any. */
  #nodeOf({ node, on }: Readonly<{ node: number; on?: number }>): SimulatedNode | undefined {
    const usable = [...this.#nodes.values()].filter(({ isUsable }) => isUsable)
    if (on !== undefined) return usable.find(({ process }) => process.machine.number === on)
    return usable[node % Math.max(1, usable.length)]
  }

  #nodeOn(machine: number): SimulatedNode | undefined {
    const node = this.#nodes.get(this.#machines[machine]!)
    return node?.process.isAlive === true ? node : undefined
  }

  #start(machine: Machine, within: number): void {
    this.#time.after(within, () => {
      const earlier = this.#nodes.get(machine)
      if (earlier?.process.isAlive === true) return
      const node = new SimulatedNode(`n${machine.number}.${++this.#starts}`, machine, this.#surroundings)
      this.#nodes.set(machine, node)
      // A supervisor starts it again if it could not open.
      void node.open().then(() => {
        if (!node.process.isAlive) this.#start(machine, 1_000)
      })
    })
  }

  #end(node: SimulatedNode): void {
    node.end()
    const { backend } = this.#surroundings
    if (backend.close !== undefined) this.#ending.push(backend.close(node.process))
  }

  /** No faults from here on, and nothing is held. */
  #calmDown(): void {
    const { database, network } = this.#surroundings
    this.#trace(() => 'everything is calm from here on')
    database.windows.clear()
    Object.assign(network, { lost: 0, doubled: 0, late: 20 })
    const { webhooks } = this.#surroundings
    if (webhooks !== null) webhooks.isCalm = true
    this.#isCalm = true
  }

  async #endAll(): Promise<void> {
    const { checker, setting } = this.#surroundings
    let resumes = 0
    let isClosing = false
    // Until the nodes close: a call of a node that was frozen may submit, pause or hold long after the last fault.
    const look = () => {
      if (isClosing) return
      const open = this.#unfinished()
      const usable = [...this.#nodes.values()].filter(({ isUsable }) => isUsable)
      const node = usable[resumes++ % Math.max(1, usable.length)]
      node?.process.enter('main', 'caller', () => {
        // Only what is held: any other call would wake a node that must wake by itself.
        for (const type of checker.held) this.#callers.hold(node, type, false)
        if (this.#hasJumps) this.#removeSchedules(node)
        for (const { id, status } of open) {
          if (status === 'paused' || status === 'pausing') this.#callers.control(node, id, 'resume', 0, false)
          // What has its answer, or a timeout, must continue by itself.
          for (const name of checker.waits.open(id))
            this.#callers.answer(node, id, { name, by: 'name', holds: 0, isMisfit: false })
        }
      })
      this.#time.after(lookEvery, look)
    }
    this.#time.after(0, look)
    const hasSlots = setting.slots.slice(0, setting.machines).some((slots) => slots > 0)
    const isStuck = () => this.#time.now - Math.max(checker.lastMove, setting.length) > stuckAfter
    const { schedules } = setting
    // A tick that is late is not a task yet.
    const mayTick = () =>
      schedules.length > 0 && this.#time.now - Math.max(checker.lastMove, setting.length) < ticksWithin
    const isOver = () => !hasSlots || (this.#unfinished().length === 0 && !mayTick())
    await this.#passUntil(() => isOver() || isStuck(), endsWithin)
    const left = this.#unfinished()
    checker.expect('ends', isOver(), () => `without faults, ${left[0]?.id} stays ${left[0]?.status}`)
    const isQuiet = () =>
      checker.runs.size === 0 && this.#openCalls().length === 0 && this.#slots() === 0 && isOver()
    const quiet = await this.#passUntil(isQuiet, 200_000)
    checker.expect('ends', quiet || !hasSlots, () => {
      const [call] = this.#openCalls()
      return `nothing is left to do, but ${call === undefined ? `${this.#slots()} slots are in use, ${checker.runs.size} handlers run` : `nobody answers: ${call.what}`}`
    })
    if (hasSlots && !this.#hasJumps) await this.#checkTicks()
    await checker.stepsAreStored()
    await this.#checkMessages()
    isClosing = true
    let closed = 0
    const living = [...this.#nodes.values()].filter(({ isUsable }) => isUsable)
    for (const node of living) void node.manager!.close().then(() => (closed += 1))
    const isClosed = await this.#passUntil(() => closed === living.length, setting.drain + 120_000)
    checker.expect('ends', isClosed, () => `${living.length - closed} nodes do not close`)
    for (const node of this.#nodes.values()) this.#end(node)
    await Promise.all(this.#ending)
  }

  /** Until each is acknowledged, as a person would. */
  #createSchedules(): void {
    const { setting } = this.#surroundings
    const missing = setting.schedules.filter(({ id }) => !this.#created.has(id))
    if (missing.length === 0 || this.#isCalm) return
    const node = [...this.#nodes.values()].find(({ isUsable }) => isUsable)
    node?.process.enter('main', 'caller', () => {
      for (const { id, type, every, jitter, overlap, catchUp, steps } of missing) {
        const draft = { id, type, every, jitter, overlap, catchUp: { mode: catchUp }, parameters: { steps } }
        const created = () => void this.#created.add(id)
        const refused = (error: unknown) => {
          if (error instanceof ScheduleExists) created()
        }
        node
          .manager!.schedules.create({ ...draft, until: (epoch + setting.length) / 1_000 })
          .then(created, refused)
      }
    })
    this.#time.after(500, () => this.#createSchedules())
  }

  /** Until each is acknowledged, as a person would. */
  #createWebhooks(webhooks: WebhookWitness): void {
    if (webhooks.isComplete || this.#isCalm) return
    const node = [...this.#nodes.values()].find(({ isUsable }) => isUsable)
    node?.process.enter('main', 'caller', () => {
      for (const { draft, created } of webhooks.missing()) {
        node.manager!.webhooks.create(draft).then(
          ({ use }) => created(use.webhook.id),
          () => undefined,
        )
      }
    })
    this.#time.after(500, () => this.#createWebhooks(webhooks))
  }

  /** Everybody who asked has been told of everything. */
  async #checkMessages(): Promise<void> {
    const { checker, webhooks, backend } = this.#surroundings
    if (webhooks === null) return
    await this.#passUntil(() => webhooks.lacks() === undefined, 200_000)
    // The last answers are recorded.
    await this.#passUntil(() => false, 40_000)
    const wrong = webhooks.lacks() ?? (await webhooks.stored(backend.truth))
    checker.expect('told', wrong === undefined, () => wrong ?? '')
  }

  /** Whether the only clock is set: then nobody knows which ticks there must be. */
  get #hasJumps(): boolean {
    const { setting, happenings } = this.#script
    return !setting.shared && happenings.some(({ kind }) => kind === 'jump')
  }

  #removeSchedules(node: SimulatedNode): void {
    for (const { id } of this.#script.setting.schedules) {
      if (this.#removed.has(id)) continue
      const removed = () => void this.#removed.add(id)
      node.manager!.schedules.remove(id).then(removed, (error: unknown) => {
        if (error instanceof ScheduleUnknown) removed()
      })
    }
  }

  async #checkTicks(): Promise<void> {
    const { checker, setting, backend } = this.#surroundings
    const { schedules } = backend.truth
    for (const id of this.#created) {
      const [view] = await schedules.view([id])
      if (view === undefined) {
        checker.fail('durable', `${id} was acknowledged, and is lost`)
        continue
      }
      const ticks = await schedules.ticks(id, Number.MAX_SAFE_INTEGER, 1_000)
      const wrong = checker.ticks.missing(id, view.schedule.createdAt, epoch + setting.length, ticks)
      if (wrong !== undefined) checker.fail('durable', wrong)
    }
  }

  #unfinished() {
    const { checker } = this.#surroundings
    return [...checker.tasks.values()]
      .filter(({ isDeleted, record }) => !isDeleted && !isTerminal(record.task.status))
      .map(({ record }) => record.task)
  }

  #openCalls() {
    return [...this.#callers.open].filter(({ node, what }) => node.isUsable && !what.startsWith('follow all'))
  }

  #slots(): number {
    let slots = 0
    for (const { manager, isUsable } of this.#nodes.values()) {
      if (manager !== undefined && isUsable) slots += manager.state.slotsInUse + manager.state.parked
    }
    return slots
  }

  #trace(line: () => string): void {
    if (this.#isTold) this.#history.push(`${(this.#time.now / 1_000).toFixed(3)} ${line()}`)
  }
}

/** Everything that follows from the last event has happened. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
