import {
  AnswerInvalid,
  ControlRefused,
  IdempotencyKeyReused,
  LimitUnknown,
  QueueFull,
  TooManyQueued,
  ShuttingDown,
  StoreUnavailable,
  TaskUnknown,
} from '../../src/core/errors.ts'
import { accepts, standing } from '../../src/core/lifecycle.ts'
import { isTerminal, type Control, type Status, type Task, type TaskId } from '../../src/core/task.ts'
import { WaitAnswered, WaitUnknown } from '../../src/core/wait.ts'
import type { TaskManager } from '../../src/engine/task-manager.ts'
import type { Draft, SubmitOptions } from '../../src/engine/api.ts'
import type { Chance } from '../support/chance.ts'
import type { Checker } from './checker.ts'
import type { Database } from './database.ts'
import { SimulatedTransaction } from './database.ts'
import { isGoneError, waitsOf } from './dependencies.ts'
import { timeToStart } from './expiry.ts'
import { urgency } from './preemption.ts'
import type { Result } from './handlers.ts'
import type { SimulatedNode } from './node.ts'
import type { PromiseName } from './promises.ts'
import type { Happening, SubmitDraft } from './script.ts'
import { aim } from './stories.ts'
import { giveAnswer, placeOfAsker, type AnswerDraft } from './task-waits.ts'
import type { VirtualTime } from './virtual-time.ts'

type Call = Readonly<{ what: string; node: SimulatedNode; since: number; isEndless: boolean }>

export type CallersOptions = Readonly<{
  checker: Checker
  database: Database
  time: VirtualTime
  trace: (line: () => string) => void
  /** Decides what tasks wait for; null if they wait for nothing. */
  waits: Chance | null
  /** How much time tasks have to start. */
  expiry: Chance | null
  /** Which tasks are urgent. */
  urgent: Chance | null
}>

/** Everybody who calls the engine, and what is checked of each answer. */
export class Callers {
  /** Calls without an answer. */
  readonly open = new Set<Call>()
  readonly #options: CallersOptions
  /** Tasks that callers know, in the order in which they were acknowledged. */
  readonly #known: TaskId[] = []
  /** Those that ask. */
  readonly #askers: TaskId[] = []
  /** The task at which a story aims. */
  #aim: TaskId | undefined
  #calls = 0
  #answers = 0

  constructor(options: CallersOptions) {
    this.#options = options
  }

  call(happening: Happening, node: SimulatedNode): void {
    const manager = node.manager!
    switch (happening.kind) {
      case 'submit':
        return this.#submit(node, manager, happening)
      case 'transact':
        return this.#transact(node, manager, happening)
      case 'control':
        return this.control(
          node,
          this.#target(happening.task),
          happening.control,
          happening.wait,
          happening.fromStart,
        )
      case 'wait':
        return this.#wait(node, manager, this.#target(happening.task), happening.patience)
      case 'follow':
        return this.#follow(node, manager, this.#target(happening.task), happening.patience)
      case 'follow-all':
        return this.#followAll(node, manager, happening.patience)
      case 'look':
        return this.#look(node, manager, this.#target(happening.task))
      case 'answer':
        return this.answer(node, this.#target(happening.task), happening)
      case 'list':
        return this.#list(node, manager, happening.limit, happening.text)
      case 'purge':
        return this.#purge(node, manager, this.#target(happening.task))
      case 'hold':
        return this.hold(node, happening.type, happening.held)
      case 'bulk':
        return this.#bulk(node, manager, happening)
      case 'limit':
        return this.#setLimit(node, manager, happening)
    }
  }

  control(
    node: SimulatedNode,
    id: TaskId | undefined,
    control: Control,
    wait: number,
    fromStart: boolean,
  ): void {
    if (id === undefined) return
    const { checker } = this.#options
    const before = checker.tasks.get(id)?.record.task
    this.#make(
      node,
      `${control} ${id} wait ${wait}`,
      () => node.manager!.control(id, control, { wait, fromStart }),
      {
        answered: (task) => {
          checker.shown(task, control)
          this.#expect(
            'shown',
            task.id === id && task.version >= (before?.version ?? 0),
            () => `${control} ${id} showed v${task.version}`,
          )
          // What the control asked for was in effect, or requested, at some time since the call.
          const since = this.#versionsSince(id, before)
          const inEffect = since.some(({ status, requestedControl }) => {
            return requestedControl === control || (standing[control] as readonly Status[]).includes(status)
          })
          this.#expect('shown', inEffect, () => `${control} ${id} was accepted and never in effect`)
        },
        refused: (error) => {
          const since = this.#versionsSince(id, before)
          if (error instanceof ControlRefused) {
            const isTrue = since.some(({ status }) => !accepts(control, status)) || control === 'retry'
            this.#expect(
              'shown',
              isTrue,
              () => `${control} ${id} was refused although it was possible: ${error.message}`,
            )
          } else if (error instanceof TaskUnknown) this.#isGone(id)
          else this.#mustBeTrouble(error, `${control} ${id}`)
        },
      },
    )
  }

  answer(node: SimulatedNode, id: TaskId | undefined, { name, by, holds, isMisfit }: AnswerDraft): void {
    if (id === undefined) return
    const { checker } = this.#options
    const before = checker.tasks.get(id)?.record.task
    const number = ++this.#answers
    const answer = isMisfit ? number : `answer ${number}`
    const pause = (ms: number) => new Promise<void>((resolve) => void node.process.clock.after(ms, resolve))
    const give = () => giveAnswer(node.manager!, id, { name, by, holds }, answer, pause)
    this.#make(node, `answer "${name}" of ${id} with ${answer} by ${by}`, give, {
      answered: (key) => {
        if (key === undefined) return
        const wrong = checker.waits.accepted(id, key, answer)
        this.#expect('asked', wrong === undefined, () => wrong ?? '')
      },
      refused: (error) => {
        if (error instanceof TaskUnknown) return this.#isGone(id)
        if (error instanceof WaitAnswered) {
          const isTrue = checker.waits.mayBeLate(id, name)
          return this.#expect('asked', isTrue, () => `"${name}" of ${id} refused its first answer as late`)
        }
        if (error instanceof AnswerInvalid)
          return this.#expect('asked', isMisfit, () => `"${name}" of ${id} refused ${answer}`)
        if (!(error instanceof WaitUnknown)) return this.#mustBeTrouble(error, `answer "${name}" of ${id}`)
        const known = checker.tasks.get(id)
        const mayBeGone =
          known?.isDeleted === true ||
          checker.waits.mayBeLate(id, name) ||
          this.#versionsSince(id, before).some(({ status }) => isTerminal(status))
        this.#expect('asked', mayBeGone, () => `"${name}" of ${id} is said to be unknown`)
      },
    })
  }

  hold(node: SimulatedNode, type: string, held: boolean): void {
    this.#make(node, `${held ? 'hold' : 'release'} ${type}`, () => node.manager!.hold(type, held), {
      answered: () => {},
      refused: (error) => this.#mustBeTrouble(error, 'hold'),
    })
  }

  #submit(
    node: SimulatedNode,
    manager: TaskManager,
    { drafts, waits, isAim = false }: Extract<Happening, { kind: 'submit' }>,
  ): void {
    const tag = `call-${++this.#calls}`
    const [first] = drafts
    if (first === undefined) return
    const { type } = first
    const all = drafts.map((draft): Draft => ({
      parameters: { steps: draft.steps },
      options: {
        ...optionsOf(draft, tag),
        ...this.#waitsOf(draft),
        ...this.#expiryOf(draft),
        ...this.#urgencyOf(draft),
      },
    }))
    const submit = (): Promise<readonly Readonly<{ task: Task; replayed: boolean }>[]> =>
      all.length === 1
        ? manager.enqueue(type, all[0]!.parameters, all[0]!.options).then((one) => [one])
        : manager.enqueueAll(type, all)
    this.#make(node, `submit ${all.length} ${type} as ${tag}`, submit, {
      answered: (accepted) => {
        this.#expect(
          'durable',
          accepted.length === all.length,
          () => `${tag}: ${accepted.length} of ${all.length} were accepted`,
        )
        for (const [index, { task, replayed }] of accepted.entries()) {
          this.#acknowledged(task, tag)
          if (drafts[index]?.steps.some(([kind]) => kind === 'ask') === true) this.#askers.push(task.id)
          if (isAim) this.#aim = task.id
          this.#expect(
            'durable',
            replayed || task.idempotencyKey !== null || task.tags.includes(tag),
            () => `${task.id} is not what ${tag} has submitted`,
          )
          if (waits) this.#wait(node, manager, task.id, 1_000_000)
        }
      },
      refused: (error) => this.#submitRefused(error, tag),
    })
  }

  /** A replay must be the same request. */
  #waitsOf({ idempotencyKey }: SubmitDraft): ReturnType<typeof waitsOf> {
    const { waits } = this.#options
    return waits === null || idempotencyKey !== undefined ? {} : waitsOf(waits, this.#known)
  }

  #urgencyOf({ idempotencyKey }: SubmitDraft): ReturnType<typeof urgency> {
    const { urgent } = this.#options
    return urgent === null || idempotencyKey !== undefined ? {} : urgency(urgent)
  }

  #expiryOf({ idempotencyKey, delay }: SubmitDraft): ReturnType<typeof timeToStart> {
    const { expiry } = this.#options
    return expiry === null || idempotencyKey !== undefined ? {} : timeToStart(expiry, delay)
  }

  #submitRefused(error: unknown, tag: string): void {
    const made = [...this.#options.checker.tasks.values()].filter(({ record }) =>
      record.task.tags.includes(tag),
    )
    if (error instanceof StoreUnavailable && error.unknown) return
    this.#expect(
      'shown',
      made.length === 0,
      () => `${tag} was refused with ${String(error)}, but ${made[0]?.record.task.id} exists`,
    )
    if (
      error instanceof IdempotencyKeyReused ||
      error instanceof QueueFull ||
      error instanceof TooManyQueued ||
      isGoneError(error)
    )
      return
    this.#mustBeTrouble(error, tag)
  }

  #transact(
    node: SimulatedNode,
    manager: TaskManager,
    { drafts, commitIn }: Extract<Happening, { kind: 'transact' }>,
  ): void {
    const { database } = this.#options
    const tag = `call-${++this.#calls}`
    const [draft] = drafts
    if (draft === undefined) return
    const tx = new SimulatedTransaction()
    const type = manager.registry.get(draft.type)
    const parameters = { steps: draft.steps } as never
    this.#make(
      node,
      `submit in a transaction as ${tag}`,
      () => manager.submit(type, parameters, { ...optionsOf(draft, tag), tx }),
      {
        answered: ({ id }) => {
          this.#expect(
            'shown',
            !this.#options.checker.tasks.has(id),
            () => `${id} exists before the commit of its caller`,
          )
          if (commitIn === null) return
          node.process.clock.after(commitIn, () => {
            this.#make(
              node,
              `commit ${tag}`,
              () => database.call(node.process, manager as never, 'commit', [tx]),
              {
                answered: () => {
                  this.#expect(
                    'durable',
                    this.#options.checker.tasks.has(id),
                    () => `${id} was committed and is lost`,
                  )
                  this.#known.push(id)
                },
                refused: (error) => this.#mustBeTrouble(error, 'commit'),
              },
            )
          })
        },
        refused: (error) => {
          if (!(error instanceof QueueFull || error instanceof TooManyQueued)) this.#mustBeTrouble(error, tag)
        },
      },
    )
  }

  #wait(node: SimulatedNode, manager: TaskManager, id: TaskId | undefined, patience: number): void {
    if (id === undefined) return
    const { checker, time } = this.#options
    const since = time.now
    const over = new AbortController()
    node.process.clock.after(patience, () => over.abort(new Error('the caller has left')))
    const wait = async () => (await manager.handle<Result>(id)).result({ signal: over.signal })
    this.#make(node, `wait for ${id}`, wait, {
      answered: (result) => {
        const { record } = checker.tasks.get(id)!
        const isResult = record.task.status === 'completed' && record.result === JSON.stringify(result)
        this.#expect(
          'shown',
          isResult,
          () => `${id} was shown with ${JSON.stringify(result)}, stored is ${record.result}`,
        )
      },
      refused: (error) => {
        const code = (error as { code?: string }).code
        const versions = [...(checker.tasks.get(id)?.versions.values() ?? [])]
        const was = (status: Status) => versions.some((task) => task.status === status)
        if (error instanceof TaskUnknown) {
          checker.missedEnd(id, since)
          return this.#isGone(id)
        }
        if (code === 'TASK_FAILED')
          return this.#expect('shown', was('failed'), () => `${id} was shown as failed`)
        if (code === 'CANCELLED')
          return this.#expect('shown', was('cancelled'), () => `${id} was shown as cancelled`)
        if (over.signal.aborted) return
        this.#mustBeTrouble(error, `wait for ${id}`)
      },
      isEndless: true,
    })
  }

  #follow(node: SimulatedNode, manager: TaskManager, id: TaskId | undefined, patience: number): void {
    if (id === undefined) return
    const { checker, time } = this.#options
    const since = time.now
    const over = new AbortController()
    node.process.clock.after(patience, () => over.abort())
    const follow = async () => {
      let version = 0
      for await (const event of manager.events(id, { signal: over.signal })) {
        if (event.kind !== 'transition') continue
        const { entry } = event
        const committed = checker.tasks.get(id)?.versions.get(entry.version)
        this.#expect(
          'shown',
          committed?.status === entry.status,
          () =>
            `an event shows ${id} v${entry.version} as ${entry.status}, committed is ${committed?.status}`,
        )
        this.#expect(
          'shown',
          entry.version === version + 1,
          () => `events of ${id} go from v${version} to v${entry.version}`,
        )
        version = entry.version
      }
      return version
    }
    this.#make(node, `follow ${id}`, follow, {
      answered: (version) => {
        // A node that closes ends its streams.
        if (over.signal.aborted || !node.isUsable || node.manager?.state.phase !== 'ready') return
        const status = checker.tasks.get(id)?.versions.get(version)?.status
        if (status !== undefined && isTerminal(status)) return
        if (checker.tasks.get(id)?.isDeleted === true) return checker.missedEnd(id, since)
        this.#expect('shown', false, () => `the events of ${id} ended at v${version}, ${status}`)
      },
      refused: (error) => {
        if (error instanceof TaskUnknown) this.#isGone(id)
        else this.#mustBeTrouble(error, `follow ${id}`)
      },
      isEndless: true,
    })
  }

  #followAll(node: SimulatedNode, manager: TaskManager, patience: number): void {
    const over = new AbortController()
    node.process.clock.after(patience, () => over.abort())
    const follow = async () => {
      const seen = new Map<TaskId, number>()
      for await (const change of manager.changes({}, { signal: over.signal })) {
        if (change.kind !== 'transition') continue
        const { id, entry } = change
        const committed = this.#options.checker.tasks.get(id)?.versions.get(entry.version)
        this.#expect(
          'shown',
          committed?.status === entry.status,
          () =>
            `a change shows ${id} v${entry.version} as ${entry.status}, committed is ${committed?.status}`,
        )
        this.#expect(
          'shown',
          entry.version > (seen.get(id) ?? 0),
          () => `changes show ${id} v${entry.version} after v${seen.get(id)}`,
        )
        seen.set(id, entry.version)
      }
    }
    this.#make(node, 'follow all', follow, {
      answered: () => {},
      refused: (error) => this.#mustBeTrouble(error, 'follow all'),
      isEndless: true,
    })
  }

  #look(node: SimulatedNode, manager: TaskManager, id: TaskId | undefined): void {
    const { checker } = this.#options
    if (id !== undefined) {
      this.#make(node, `explain ${id}`, () => manager.explain(id), {
        answered: ({ task }) => checker.shown(task, 'explain'),
        refused: (error) =>
          error instanceof TaskUnknown ? this.#isGone(id) : this.#mustBeTrouble(error, 'explain'),
      })
      this.#make(node, `details ${id}`, () => manager.details(id), {
        answered: ({ task, timeline }) => {
          checker.shown(task, 'details')
          this.#expect(
            'shown',
            timeline.at(-1)?.version === task.version,
            () => `the timeline of ${id} ends elsewhere`,
          )
        },
        refused: (error) =>
          error instanceof TaskUnknown ? this.#isGone(id) : this.#mustBeTrouble(error, 'details'),
      })
      this.#make(node, `log ${id}`, () => manager.log(id), {
        answered: (lines) => {
          const inOrder = lines.every(({ number }, index) => index === 0 || number > lines[index - 1]!.number)
          this.#expect('shown', inOrder, () => `the log of ${id} is not in order`)
        },
        refused: (error) =>
          error instanceof TaskUnknown ? this.#isGone(id) : this.#mustBeTrouble(error, 'log'),
      })
    }
    this.#make(node, 'stats', () => manager.stats(), {
      answered: ({ node: { slotsInUse, maxConcurrent } }) => {
        this.#expect('limits', slotsInUse >= 0, () => `${slotsInUse} of ${maxConcurrent} slots are in use`)
      },
      refused: (error) => this.#mustBeTrouble(error, 'stats'),
    })
    this.#make(node, 'trouble', () => manager.trouble(), {
      answered: () => {},
      refused: (error) => this.#mustBeTrouble(error, 'trouble'),
    })
  }

  #list(node: SimulatedNode, manager: TaskManager, limit: number, text: string | undefined): void {
    const { checker } = this.#options
    const list = async () => {
      const seen = new Set<TaskId>()
      for (let cursor: string | undefined; ;) {
        const page = await manager.list(text === undefined ? {} : { text }, {
          limit,
          ...(cursor === undefined ? {} : { cursor }),
        })
        for (const { task } of page.tasks) {
          checker.shown(task, 'list')
          this.#expect('shown', !seen.has(task.id), () => `a list shows ${task.id} twice`)
          seen.add(task.id)
        }
        if (page.nextCursor === null) return seen
        cursor = page.nextCursor
      }
    }
    const before = [...checker.tasks.values()]
      .filter(({ isDeleted }) => !isDeleted)
      .map(({ record }) => record.task.id)
    this.#make(node, 'list', list, {
      answered: (seen) => {
        if (text !== undefined) return
        const missing = before.find((id) => !seen.has(id) && checker.tasks.get(id)?.isDeleted === false)
        this.#expect('durable', missing === undefined, () => `a list does not show ${missing}`)
      },
      refused: (error) => this.#mustBeTrouble(error, 'list'),
    })
  }

  #purge(node: SimulatedNode, manager: TaskManager, id: TaskId | undefined): void {
    if (id === undefined) return
    this.#make(node, `purge ${id}`, () => manager.purge(id), {
      answered: () => this.#isGone(id),
      refused: (error) => {
        if (error instanceof TaskUnknown) this.#isGone(id)
        else if (!(error instanceof ControlRefused)) this.#mustBeTrouble(error, `purge ${id}`)
      },
    })
  }

  #bulk(node: SimulatedNode, manager: TaskManager, happening: Extract<Happening, { kind: 'bulk' }>): void {
    const { action, type, dryRun, cancelIn } = happening
    const filter = type === undefined ? {} : { types: [type] }
    this.#make(
      node,
      `bulk ${action}${dryRun ? ' (dry run)' : ''}`,
      () => manager.bulk(action, filter, { dryRun, wait: 1_000 }),
      {
        answered: ({ id, status, matched, changed, unchanged, refused }) => {
          if (status === 'completed' && !dryRun) {
            this.#expect(
              'shown',
              matched === changed + unchanged + refused,
              () => `operation ${id} matched ${matched}: ${changed} + ${unchanged} + ${refused}`,
            )
          }
          if (cancelIn === null) return
          node.process.clock.after(cancelIn, () => {
            this.#make(node, `cancel operation ${id}`, () => manager.cancelOperation(id, 100), {
              answered: () => {},
              refused: (error) => this.#mustBeTrouble(error, 'cancel operation'),
            })
          })
        },
        refused: (error) => this.#mustBeTrouble(error, `bulk ${action}`),
      },
    )
  }

  #setLimit(
    node: SimulatedNode,
    manager: TaskManager,
    { name, definition }: Extract<Happening, { kind: 'limit' }>,
  ): void {
    const change = async () => {
      if (definition === null) return await manager.limits.remove(name)
      const { concurrency, rate, scope } = definition
      await manager.limits.set(name, {
        scope,
        ...(concurrency === null ? {} : { concurrency }),
        ...(rate === null ? {} : { rate: { limit: rate.limit, per: rate.per / 1_000 } }),
      })
    }
    this.#make(node, `${definition === null ? 'delete' : 'set'} limit ${name}`, change, {
      answered: () => {},
      refused: (error) => {
        if (!(error instanceof LimitUnknown)) this.#mustBeTrouble(error, 'limit')
      },
    })
  }

  #acknowledged(task: Task, by: string): void {
    const known = this.#options.checker.tasks.get(task.id)
    this.#expect(
      'durable',
      known !== undefined,
      () => `${task.id} was acknowledged to ${by}, but is not stored`,
    )
    this.#options.checker.shown(task, by)
    if (!this.#known.includes(task.id)) this.#known.push(task.id)
  }

  /** Only what was deleted is unknown. */
  #isGone(id: TaskId): void {
    const known = this.#options.checker.tasks.get(id)
    this.#expect('durable', known === undefined || known.isDeleted, () => `${id} is said to be unknown`)
  }

  #mustBeTrouble(error: unknown, what: string): void {
    const isExpected = error instanceof StoreUnavailable || error instanceof ShuttingDown
    const code = (error as { code?: string }).code
    this.#expect(
      'shown',
      isExpected || code === 'TOO_MANY_OPERATIONS',
      () => `${what} threw ${String((error as Error).stack)}`,
    )
  }

  /** The versions of a task that were committed since a call began, and the one before. */
  #versionsSince(id: TaskId, before: Task | undefined): Task[] {
    const versions = [...(this.#options.checker.tasks.get(id)?.versions.values() ?? [])]
    return versions.filter(({ version }) => version >= (before?.version ?? 0))
  }

  #target(number: number): TaskId | undefined {
    const asker = placeOfAsker(number)
    if (asker !== undefined) return this.#askers[asker]
    return number === aim ? this.#aim : this.#known[number % Math.max(1, this.#known.length)]
  }

  #expect(promise: PromiseName, holds: boolean, message: () => string): void {
    this.#options.checker.expect(promise, holds, message)
  }

  #make<T>(
    node: SimulatedNode,
    what: string,
    make: () => Promise<T>,
    {
      answered,
      refused,
      isEndless = false,
    }: Readonly<{ answered: (answer: T) => void; refused: (error: unknown) => void; isEndless?: boolean }>,
  ): void {
    const { time, trace } = this.#options
    const call: Call = { what, node, since: time.now, isEndless }
    trace(() => `${node.process.name} call: ${what}`)
    this.open.add(call)
    make()
      .then(
        (answer) => {
          this.open.delete(call)
          trace(() => `${node.process.name} answer: ${what}: ${brief(answer)}`)
          answered(answer)
        },
        (error: unknown) => {
          this.open.delete(call)
          trace(() => `${node.process.name} answer: ${what}: ${String(error)}`)
          refused(error)
        },
      )
      .catch((error: unknown) =>
        this.#expect(
          'shown',
          false,
          () => `the checker failed at ${what}: ${String((error as Error).stack)}`,
        ),
      )
  }
}

function optionsOf(draft: SubmitDraft, tag: string): SubmitOptions {
  const { priority, delay, timeout, maxAttempts, backoff, idempotencyKey, limits, tenant } = draft
  return {
    priority,
    maxAttempts,
    backoff,
    // A replay must be the same request.
    ...(idempotencyKey === undefined ? { tags: [tag] } : { idempotencyKey }),
    ...(delay === undefined ? {} : { delay }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(limits === undefined ? {} : { limits }),
    ...(tenant === undefined ? {} : { fairnessKey: tenant }),
  }
}

function brief(answer: unknown): string {
  if (answer === undefined) return 'done'
  if (typeof answer === 'object' && answer !== null && 'version' in answer) {
    const { id, version, status } = answer as Task
    return `${id} v${version} ${status}`
  }
  return JSON.stringify(answer).slice(0, 160)
}
