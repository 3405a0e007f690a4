import type { LeaseNews, LeaseRenewer } from '../../src/store/sharing.ts'
import type { Store } from '../../src/store/store.ts'
import { LeaseRenewal } from '../../src/store/postgres/lease-renewal.ts'
import { TaskManager } from '../../src/engine/task-manager.ts'
import { noDelay } from '../../src/execution/executors/loop-watch.ts'
import { Registry } from '../../src/registry/registry.ts'
import { Chance } from '../support/chance.ts'
import type { Checker } from './checker.ts'
import type { Backend, Database } from './database.ts'
import { scriptedType } from './handlers.ts'
import { admissionOf } from './limits.ts'
import type { Network } from './network.ts'
import type { Setting } from './script.ts'
import { SimulatedExecutor } from './simulated-executor.ts'
import { SimulatedProcess, type Machine } from './simulated-process.ts'
import type { VirtualTime } from './virtual-time.ts'
import type { WebhookWitness } from './webhooks.ts'

/** What the nodes of a world share. */
export type Surroundings = Readonly<{
  setting: Setting
  time: VirtualTime
  chance: Chance
  backend: Backend
  database: Database
  network: Network
  checker: Checker
  newId: () => string
  /** Null without webhooks. */
  webhooks: WebhookWitness | null
  trace: (line: () => string) => void
}>

/** One start of a node: its process, and its engine once it is open. */
export class SimulatedNode {
  readonly process: SimulatedProcess
  readonly executor: SimulatedExecutor
  manager: TaskManager | undefined
  isClosing = false
  readonly #surroundings: Surroundings
  readonly #stops: (() => void)[] = []
  /** As the processes of a real node see the lease. */
  readonly #lease = { stopAt: 0, lapses: 0, isKnown: false }
  readonly #begun = new Map<string, number>()

  constructor(name: string, machine: Machine, surroundings: Surroundings) {
    const { time, chance, checker, setting } = surroundings
    this.#surroundings = surroundings
    this.process = new SimulatedProcess(name, machine, time, chance)
    this.executor = new SimulatedExecutor({
      process: this.process,
      time,
      chance,
      witness: checker,
      lease: setting.shared ? this.#handlersLease() : undefined,
      keepsSlots: setting.preemption,
      node: () => this.manager?.state.id ?? '',
    })
  }

  /** Resolves once it is open, or has failed to: then its process is over. */
  async open(): Promise<void> {
    const { setting, database, network, newId, webhooks, chance, checker, trace } = this.#surroundings
    const { process, executor } = this
    const inner = await database.open(process)
    const store = database.viewOf(
      process,
      inner,
      setting.shared
        ? {
            signals: network.of(process),
            leaseFile: null,
            renewLease: (node, news) => this.#renew(inner, node, news),
          }
        : null,
    )
    const limits = checker.limits
    const admission = setting.limits === null ? null : admissionOf(setting.limits)
    const types = [
      scriptedType('inline', 'inline', executor.runOf, {
        admission,
        maxQueued: setting.most,
        preemptible: setting.preemption,
      }),
      scriptedType('limited', 'inline', executor.runOf, { concurrency: limits.get('limited')!, admission }),
      scriptedType('threaded', 'thread', executor.runOf, { concurrency: limits.get('threaded')!, admission }),
      scriptedType('fragile', 'process', executor.runOf, { poisonLimit: 1, admission }),
    ]
    const note = (level: string) => (fields: object, message: string) =>
      trace(() => `${process.name} ${level}: ${message}${'err' in fields ? ` (${String(fields.err)})` : ''}`)
    const { maxParked } = setting
    try {
      this.manager = await TaskManager.open({
        store: this.#noting(store),
        registry: new Registry(types),
        executor,
        clock: process.clock,
        logger: { debug() {}, info: note('info'), warn: note('warn'), error: note('error') },
        newId,
        send: webhooks?.sender(process),
        random: () => chance.next(),
        loopDelay: noDelay,
        version: 'simulated',
        host: `machine-${process.machine.number}`,
        pid: 1,
        maxConcurrent: setting.slots[process.machine.number]!,
        types: types.map(({ type }) => type),
        maxQueued: setting.maxQueued,
        retention: setting.retention,
        auditRetention: 7_776_000_000,
        cancelGrace: setting.cancelGrace,
        drain: setting.drain,
        maxParked: { inline: maxParked, thread: maxParked, process: maxParked, command: maxParked },
        closed: () => {},
      })
    } catch (error) {
      trace(() => `${process.name} could not start: ${String(error)}`)
      this.end()
    }
  }

  get isUsable(): boolean {
    return this.manager !== undefined && this.process.isAlive && !this.isClosing
  }

  /** The process is over, however it ended. */
  end(): void {
    if (!this.process.isAlive) return
    this.process.kill()
    for (const stop of this.#stops) stop()
    this.#surroundings.checker.processDied((run) => run.identity.process === this.process)
  }

  /** Remembers when the start of a node was sent: its lease counts from there. */
  #noting(store: Store): Store {
    return new Proxy(store, {
      get: (target, key) => {
        if (key !== 'startNode') return Reflect.get(target, key) as unknown
        return (info: Parameters<Store['startNode']>[0]) => {
          this.#begun.set(info.id, this.process.clock.monotonic())
          return target.startNode(info)
        }
      },
    })
  }

  #renew(store: Store, node: string, news: LeaseNews): LeaseRenewer {
    const { process } = this
    const { database, setting, trace } = this.#surroundings
    const lease = setting.lease
    const clock = process.renewerClock
    const own = this.#lease
    let until = 0
    const validUntil = {
      get time() {
        return until
      },
      set time(time: number) {
        const before = own.stopAt
        until = time
        own.stopAt = time - lease / 10
        if (own.isKnown && clock.monotonic() >= before) own.lapses += 1
        own.isKnown = true
      },
    }
    validUntil.time = (this.#begun.get(node) ?? clock.monotonic()) + lease
    let stopped = false
    const tell = (kind: keyof LeaseNews) =>
      process.enter('main', 'lease', () => {
        process.enter('renewer', 'lease', () => renewal.heard())
        trace(() => `${process.name} lease of ${node}: ${kind}`)
        if (!stopped) news[kind]()
      })
    const renewal: LeaseRenewal = new LeaseRenewal({
      lease,
      clock,
      renew: () => {
        const { promise, resolve } = Promise.withResolvers<boolean | undefined>()
        clock.after(lease / 4, () => resolve(undefined))
        database.call(process, store, 'renew', [node]).then(
          (renewed) => resolve(renewed as boolean),
          () => resolve(undefined),
        )
        return promise
      },
      validUntil,
      say: tell,
      unheard: () => tell('unheard'),
    })
    void renewal.run()
    const stop = () => {
      stopped = true
      renewal.stop()
    }
    this.#stops.push(stop)
    return {
      get isValid() {
        return clock.monotonic() < until
      },
      get age() {
        return clock.monotonic() - (until - lease)
      },
      [Symbol.asyncDispose]: async () => stop(),
    }
  }

  /** How often the lease has ended, as code that runs under it can tell. */
  #handlersLease(): Readonly<{ lapses: number }> {
    const own = this.#lease
    const monotonic = () => this.process.clock.monotonic()
    return {
      get lapses() {
        return monotonic() >= own.stopAt ? own.lapses + 1 : own.lapses
      },
    }
  }
}
