import * as fc from 'fast-check'
import { expect } from 'vitest'
import { childHash, childKey } from '../../src/core/child.ts'
import { joinPolicies } from '../../src/core/dependency.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import {
  failurePolicies,
  type FailurePolicy,
  controls,
  isActive,
  isTerminal,
  statuses,
  type Control,
  type Status,
  type Submission,
  type Task,
  parentEnds,
  type ParentEnd,
} from '../../src/core/task.ts'
import { conflictActions, uniqueSpans, type UniqueRequest } from '../../src/core/unique-options.ts'
import type { StepRecord } from '../../src/core/step.ts'
import type { Move } from '../../src/core/transition.ts'
import type { Controlled, ListCursor, Query, Store } from '../../src/store/store.ts'
import { answerOf, boom, by, reachedOk, sleepOf, submission, joinOf, waitOf } from '../support/tasks.ts'
import type { Picked, World } from './world.ts'

/**
 * What can happen to a store. All choices are made in advance, so that a failing run can be shrunk and repeated. Most
 * commands are up to date; some come from a party that is late, and name an older fence or another node.
 */
export type Command = fc.AsyncCommand<World, World>

const types = ['a', 'b'] as const
const choice = fc.nat({ max: 30 })
const mostly = (value: boolean) => fc.oneof({ weight: 6, arbitrary: fc.constant(value) }, fc.constant(!value))
const hasCode = ({ ownerNode }: Task) => ownerNode !== null
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 })

const checkpoint = maybe(fc.json({ maxDepth: 1 }))
const progress = maybe(
  fc.record(
    { current: fc.nat(9), at: fc.nat(9), total: fc.nat(9) },
    { requiredKeys: ['current', 'at'], noNullPrototype: true },
  ),
)

const steps = maybe(
  fc.array(
    fc
      .record({
        name: fc.constantFrom('s', 't'),
        occurrence: fc.constantFrom(1, 2),
        result: fc.option(fc.json({ maxDepth: 1 }), { freq: 3 }),
        attempts: fc.nat(3),
        startedAt: fc.nat(9),
        finishedAt: fc.nat(9),
      })
      .map(({ result, ...step }): StepRecord => ({
        ...step,
        result,
        status: result === null ? 'failed' : 'completed',
        error: result === null ? boom : null,
      })),
    { maxLength: 3 },
  ),
)

const limitNames = ['l', 'm'] as const

const admission = fc
  .record({
    keys: fc.subarray([
      ['l', 'a'],
      ['l', 'b'],
      ['m', ''],
    ] as const),
    fairnessKey: fc.constantFrom(null, null, 'x', 'y'),
    weight: fc.constantFrom(1, 1, 3),
    aging: fc.constantFrom(null, null, null, 50),
  })
  .map(({ keys, ...more }) => ({ limits: keys.map(([name, key]) => ({ name, key })), ...more }))

const submit = command(
  'submit',
  {
    batch: fc.array(
      fc.record({
        type: fc.constantFrom(...types),
        parameters: fc.json({ maxDepth: 1 }),
        priority: fc.constantFrom(-1, 0, 1, -1, 0, 1, 100),
        later: fc.constantFrom(null, null, null, null, -5, 0, 40, 400),
        asDelay: fc.boolean(),
        key: fc.option(fc.constantFrom('k1', 'k2', 'k3', 'k4', 'k5'), { freq: 2 }),
        requestHash: fc.constantFrom('hash', 'hash', 'hash', 'another'),
        tags: fc.subarray(['x', 'y']),
        unique: maybe(
          fc.record({
            key: fc.constantFrom('u1', 'u2'),
            while: fc.constantFrom(...uniqueSpans),
            for: fc.constantFrom(null, null, 50, 500),
            onConflict: fc.constantFrom(...conflictActions),
          }),
        ),
        after: fc.oneof(
          { weight: 3, arbitrary: fc.constant<number[]>([]) },
          fc.array(choice, { maxLength: 2 }),
        ),
        onFailure: fc.constantFrom(...failurePolicies),
        maxOfType: fc.oneof(
          { weight: 9, arbitrary: fc.constant(undefined) },
          { weight: 1, arbitrary: fc.constantFrom(2, 5) },
        ),
        expiresIn: fc.constantFrom(undefined, undefined, undefined, undefined, undefined, undefined, 30, 300),
        debounce: maybe(
          fc.record({
            key: fc.constantFrom('u1', 'u2'),
            delay: fc.constantFrom(20, 200),
            max: fc.constantFrom(null, 30, 300),
          }),
        ),
        admission: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, admission),
      }),
      { maxLength: 4 },
    ),
    maxQueued: fc.constantFrom(3, 100, 100, 100, 100),
    seen: fc.constantFrom(undefined, undefined, undefined, ['x']),
  },
  async (world, { batch, maxQueued, seen }) => {
    const chosen = await Promise.all(
      batch.map(({ after }) => Promise.all(after.map((one) => world.pick(one)))),
    )
    const submissions = batch.map(
      (
        { later, asDelay, key, unique, debounce, admission, after, onFailure, expiresIn, maxOfType, ...own },
        index,
      ) =>
        submission({
          ...own,
          ...(after.length === 0 ? {} : predecessorsOf(chosen[index]!, onFailure)),
          // Which tasks with limits may start is known once a claim has looked.
          ...(admission === null ? {} : { admission, priority: Math.min(1, own.priority) }),
          id: world.newId(),
          idempotencyKey: key,
          delay: asDelay ? later : null,
          runAt: later === null || asDelay ? null : world.clock.now() + later,
          ...present({ unique, expiresIn, maxOfType }),
          ...(debounce === undefined ? {} : debounced(debounce)),
        }),
    )
    await world.both((store) =>
      store.submit(submissions, { by: 'api', maxQueued, ...present({ tags: seen }) }),
    )
  },
)

const spawn = command(
  'spawn',
  {
    choice,
    aimed: mostly(true),
    newest: mostly(true),
    children: fc.array(
      fc.record({
        type: fc.constantFrom(...types),
        name: fc.constantFrom('c', 'd', 'e'),
        onEnd: fc.constantFrom(...parentEnds),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  },
  async (world, { choice, aimed, newest, children }) => {
    const picked = await world.pick(choice, aimed ? ({ status }) => isActive(status) : undefined)
    await startChildren(world, { ...picked, fence: newest ? picked.fence : picked.fence - 1 }, children)
    await world.both((store) => store.children(picked.id))
    await world.both((store) => store.successors(picked.id, 3))
  },
)

async function startChildren(
  world: World,
  { id, fence }: Pick<Picked, 'id' | 'fence'>,
  children: readonly Readonly<{ type: string; name: string; onEnd: ParentEnd }>[],
): Promise<void> {
  const submissions = children.map(({ type, name, onEnd }) => {
    const parent = { id, name, occurrence: 1, depth: 1, onEnd, fence }
    const key = { idempotencyKey: childKey(parent), requestHash: childHash(type) }
    return submission({ id: world.newId(), type, parent, ...key })
  })
  await world.both((store) => store.submit(submissions, { by: 'api', maxQueued: 100 }))
}

function debounced({ key, delay, max }: Readonly<{ key: string; delay: number; max: number | null }>) {
  const unique: UniqueRequest = {
    key,
    while: 'queued',
    for: null,
    debounced: true,
    onConflict: 'debounce',
    max,
  }
  return { delay: Math.min(delay, max ?? delay), runAt: null, unique }
}

const claim = command(
  'claim',
  {
    limit: fc.integer({ min: 0, max: 4 }),
    concurrency: fc.constantFrom(null, null, 1, 2, 3),
    alive: mostly(true),
  },
  async (world, { limit, concurrency, alive }) => {
    const request = {
      node: alive ? world.node : 'node-1',
      limit,
      types: types.map((type) => ({ type, concurrency: type === 'a' ? concurrency : null })),
    }
    const claimed = await world.both((store) => store.claim(request))
    if (concurrency !== null && claimed.some(({ task }) => task.type === 'a')) {
      expect(await world.occupied('a')).toBeLessThanOrEqual(concurrency)
    }
    await world.mustFit(claimed.map(({ task }) => task))
  },
)

const control = command(
  'control',
  {
    choices: fc.array(choice, { minLength: 1, maxLength: 2 }),
    aimed: fc.boolean(),
    control: fc.constantFrom<Control>(...controls, 'pause', 'pause'),
    fromStart: fc.boolean(),
  },
  async (world, { choices, aimed, control, fromStart }) => {
    const picked = await Promise.all(choices.map((chosen) => world.pick(chosen, aimed ? hasCode : undefined)))
    const commands = picked.map(({ id }) => ({ id, control, by: 'api', fromStart }))
    await world.both<readonly Controlled[]>((store) => store.control(commands))
  },
)

const save = command(
  'save',
  { choice, newest: mostly(true), checkpoint, progress, steps },
  async (world, { choice, newest, checkpoint, progress, steps }) => {
    const { id, fence, ownerNode } = await world.pick(choice, ({ status }) => isActive(status))
    const documents = present({ checkpoint, progress, steps })
    const saves = [{ id, fence: newest ? fence : fence - 1, ...documents }]
    await world.both((store) => store.save(ownerNode ?? world.node, saves))
  },
)

const settle = command(
  'settle',
  {
    choice,
    aimed: mostly(true),
    kind: fc.constantFrom(
      'asked',
      'asked',
      'asked',
      'completed',
      'completed',
      'failed',
      'failed',
      'cancelled',
      'paused',
      'released',
      'fenced',
      'lost',
      'sleeping',
      'sleeping',
      'asking',
      'asking',
      'joining',
      'joining',
      'awake',
    ),
    nap: fc.constantFrom(30, 300),
    informed: mostly(true),
    /** Of code that sleeps or waits: it has ended. */
    gone: maybe(fc.constant(true as const)),
    retryIn: fc.constantFrom(null, 0, 50, 500),
    newest: mostly(true),
    owned: mostly(true),
    activeMs: fc.nat(100),
    fencedOff: mostly(false),
    checkpoint,
    progress,
  },
  async (
    world,
    {
      choice,
      aimed,
      kind,
      retryIn,
      nap,
      informed,
      gone,
      newest,
      owned,
      activeMs,
      fencedOff,
      checkpoint,
      progress,
    },
  ) => {
    const picked = await world.pick(choice, aimed ? hasCode : undefined)
    const { id, fence: current, version, ownerNode, status, news } = picked
    const outcome: Outcome = {
      completed: { kind: 'completed', result: '1' } as const,
      failed: { kind: 'failed', error: boom, retryIn } as const,
      cancelled: { kind: 'cancelled', endedBy: 'terminated' } as const,
      paused: { kind: 'paused', controlVersion: newest ? version : version - 2 } as const,
      released: { kind: 'released', why: 'drain' } as const,
      fenced: { kind: 'fenced' } as const,
      lost: { kind: 'lost', why: 'its process died', poisonLimit: 1 } as const,
      sleeping: { ...sleepOf(nap, world.clock.now()), ...present({ gone }) },
      asking: {
        ...waitOf(informed ? news : Math.max(0, news - 1), nap === 30 ? nap : null, world.clock.now()),
        ...present({ gone }),
      },
      joining: joinOf(informed ? news : Math.max(0, news - 1)),
      awake: { kind: 'awake' } as const,
    }[kind === 'asked' ? asked(status) : kind]
    // Code that has ended or reached a pause point is not fenced off.
    const atPausePoint = ['paused', 'sleeping', 'awake'].includes(outcome.kind)
    const stuck = fencedOff && !atPausePoint && !['completed', 'fenced', 'lost'].includes(outcome.kind)
    const fence = newest || outcome.kind === 'paused' ? current : current - 1
    const node = owned ? (ownerNode ?? world.node) : 'another node'
    const documents = present({ checkpoint, progress, fencedOff: stuck ? true : undefined })
    const settlement = { id, fence, outcome, activeMs, ...documents }
    const [answer] = await world.both((store) => store.settle(node, [settlement]))
    if (stuck && answer?.verdict === 'settled') world.fencedOff.push({ id, fence, node })
  },
)

const waitNames = ['ok', 'then'] as const

/** A run comes to a wait. */
const reach = command(
  'reach',
  {
    choice,
    newest: mostly(true),
    name: fc.constantFrom(...waitNames),
    timeout: fc.constantFrom(null, null, 30),
    early: maybe(fc.constantFrom('fits', 'misfit')),
    timedOut: mostly(false),
  },
  async (world, { choice, newest, name, timeout, early, timedOut }) => {
    const { id, fence, ownerNode } = await world.pick(choice, ({ status }) => isActive(status))
    const reached = reachedOk(`${id} ${name}`, {
      name,
      timeout,
      ...present({ early, timedOut: timedOut ? true : undefined }),
    })
    const request = { id, fence: newest ? fence : fence - 1, reached }
    await world.both((store) => store.waits.reach(ownerNode ?? world.node, request))
  },
)

/** A run starts a child, watches all of its task, and looks at what has become of them. One may be cancelled soon. */
const watch = command(
  'watch',
  {
    choice,
    newest: mostly(true),
    policy: fc.constantFrom(...joinPolicies),
    anew: mostly(true),
    skip: fc.constantFrom(0, 0, 1),
    bytes: fc.constantFrom(1, 1_000),
    type: fc.constantFrom(...types),
    cancels: fc.boolean(),
  },
  async (world, { choice, newest, policy, anew, skip, bytes, type, cancels }) => {
    const picked = await world.pick(choice, ({ status }) => isActive(status))
    const { id, fence, ownerNode } = picked
    await startChildren(world, picked, [{ type, name: 'f', onEnd: 'cancel' }])
    const query = { filter: { parent: id }, order: 'oldest', after: null, limit: 10, scan: 100 } as const
    const { entries } = await world.both((store) => store.find(query))
    const children = [...entries.slice(skip), 'nobody']
    const request = { id, fence: newest ? fence : fence - 1, policy, children, anew }
    await world.both((store) => store.joins.watch(ownerNode ?? world.node, request))
    await world.both((store) => store.joins.states(id, children))
    await world.both((store) => store.joins.outcomes(id, children, bytes))
    await world.both((store) => store.joins.watched(id, 3))
    const [child] = children
    if (!cancels || child === undefined) return
    const cancel = { id: child, control: 'cancel', by: 'api', fromStart: false } as const
    await world.both<readonly Controlled[]>((store) => store.control([cancel]))
  },
)

const answer = command(
  'answer',
  {
    choice,
    aimed: mostly(true),
    name: fc.constantFrom(...waitNames),
    early: mostly(false),
    value: fc.boolean(),
  },
  async (world, { choice, aimed, name, early, value }) => {
    const { id } = await world.pick(choice, aimed ? ({ status }) => !isTerminal(status) : undefined)
    const answered = answerOf(String(value), { name, early })
    await world.both((store) => store.waits.answer({ id, answer: answered }, by('alice')))
  },
)

const unpark = command('unpark', { choice, newest: mostly(true) }, async (world, { choice, newest }) => {
  const { id, fence, ownerNode } = await world.pick(choice, (task) => hasCode(task) && !isActive(task.status))
  const copies = [{ id, fence: newest ? fence : fence - 1, why: 'room was needed' }]
  await world.both((store) => store.unpark(ownerNode ?? world.node, copies))
})

const releaseSlot = command(
  'releaseSlot',
  { choice, owned: mostly(true) },
  async (world, { choice, owned }) => {
    const slot = world.fencedOff[choice % Math.max(1, world.fencedOff.length)]
    const { id, fence, node } = slot ?? { id: 'nobody', fence: 1, node: world.node }
    const copies = [{ id, fence, why: 'it returned' }]
    await world.both((store) => store.releaseSlots(owned ? node : 'another node', copies))
  },
)

const release = command('release', { limit: fc.constantFrom(1, 100, 100) }, async (world, { limit }) => {
  // All of it: stores may divide it differently.
  await world.both(async (store) => {
    const moved: Move[] = []
    for (let more = true; more;) {
      const released = await store.release(limit)
      moved.push(...released.moved)
      more = released.more
    }
    return moved
  })
})

const promote = command('promote', { limit: fc.nat(5) }, async (world, { limit }) => {
  await world.both((store) => store.promote(limit))
})

const expire = command('expire', { limit: fc.nat(5) }, async (world, { limit }) => {
  await world.both((store) => store.expire(limit))
})

const preempt = command(
  'preempt',
  { concurrency: fc.constantFrom(null, 2) },
  async (world, { concurrency }) => {
    const rules = new Map([['a', { most: 2, cooldown: 50 }]])
    // Follows the clock: nothing is written if nothing is urgent.
    await world.both((store) => store.promote(0))
    await world.both((store) => store.preempt({ types: types.map((type) => ({ type, concurrency })), rules }))
  },
)

/** Usually time passes; sometimes the wall clock is set back by too little to be noticed. */
const pass = command('pass', { ms: fc.constantFrom(1, 10, 100, 1_000, -60) }, async (world, { ms }) => {
  if (ms > 0) return world.clock.advance(ms)
  world.clock.set(world.clock.now() + ms)
  // Write something, which reads the clock: otherwise small steps add up to a noticeable one.
  await world.both((store) => store.promote(0))
})

/** The wall clock is set by so much that delays must not follow it. A shared database has its own clock. */
const jump = command('jump', { ms: fc.constantFrom(-5_000, -1_500, 1_500, 5_000) }, async (world, { ms }) => {
  if (world.ownsClock) world.clock.set(world.clock.now() + ms)
})

/** The node dies, and usually restarts immediately; its tasks are left to the reaper. */
const crash = command('crash', { restarts: mostly(true) }, async (world, { restarts }) => {
  if (restarts) await world.startNode()
  else await world.both((store) => store.endNode(world.node))
})

const reap = command('reap', { poisonLimit: fc.nat(3) }, async (world, { poisonLimit }) => {
  const options = { poisonLimit, poisonLimits: new Map([['b', 1]]) }
  await world.both((store) => store.reap(options))
})

const prune = command(
  'prune',
  { age: fc.constantFrom(-1, 100, 1_000), limit: fc.nat(3) },
  async (world, { age, limit }) => {
    await world.both((store) => store.prune(age, limit))
  },
)

const purge = command('purge', { choice, aimed: fc.boolean() }, async (world, { choice, aimed }) => {
  const { id } = await world.pick(choice, aimed ? ({ status }) => isTerminal(status) : undefined)
  await world.both((store) => store.purge([id]))
})

const hold = command(
  'hold',
  { type: fc.constantFrom(...types), held: fc.boolean() },
  async (world, { type, held }) => {
    await world.both((store) => store.hold(type, held, 'api'))
  },
)

const limit = command(
  'limit',
  {
    name: fc.constantFrom(...limitNames),
    concurrency: fc.constantFrom(null, 1, 1, 2, 3),
    rate: fc.constantFrom(null, null, null, { limit: 1, per: 100 }, { limit: 3, per: 1_000 }),
    maxQueued: fc.constantFrom(undefined, undefined, undefined, undefined, 1, 3),
    scope: fc.constantFrom('global', 'global', 'node'),
    isGone: mostly(false),
  },
  async (world, { name, concurrency, rate, maxQueued, scope, isGone }) => {
    const bounds = { concurrency, rate, ...present({ maxQueued }) }
    const made = { name, ...bounds, scope, origin: 'api' } as const
    if (isGone || (concurrency === null && rate === null && maxQueued === undefined)) {
      await world.both((store) => store.limits.remove(name))
    } else {
      await world.both((store) => store.limits.put(made))
    }
  },
)

/** Reads every page of a list, and the queue position of a task. */
const list = command(
  'list',
  {
    filter: fc.record(
      {
        statuses: fc.subarray([...statuses]),
        types: fc.subarray([...types, 'nothing']),
        tag: fc.constantFrom('x', 'y', 'z'),
        anyTag: fc.subarray(['x', 'y', 'z']),
        createdBy: fc.constantFrom('api', 'nobody'),
        parent: fc.constantFrom('task-1', 'task-2', 'task-3'),
        tookMin: fc.constantFrom(0, 1, 100),
        tookMax: fc.constantFrom(0, 100),
        text: fc.constantFrom('task-1', 'BOOM', '1', '"'),
        createdAfter: fc.constantFrom(900, 1_000, 1_100),
        createdBefore: fc.constantFrom(1_000, 1_100, 2_000),
      },
      { requiredKeys: [], noNullPrototype: true },
    ),
    order: fc.constantFrom('newest', 'oldest', 'ended_newest', 'ended_oldest'),
    limit: fc.integer({ min: 1, max: 5 }),
    scan: fc.integer({ min: 1, max: 5 }),
    choice,
  },
  async (world, { choice, ...query }) => {
    // Each store has its own cursors.
    const ends = new Map<Store, ListCursor | null>()
    const asked = (store: Store): Query => ({ ...query, after: ends.get(store) ?? null })
    for (let more = true; more;) {
      await world.both((store) => store.find(asked(store)))
      const { next } = await world.both(async (store) => {
        const page = await store.list(asked(store))
        ends.set(store, page.next)
        return page
      })
      more = next !== null
    }
    const { id } = await world.pick(choice, ({ status }) => status === 'queued')
    await world.both(async (store) => {
      const task = await store.get(id)
      return task === null ? 0 : store.ahead(task, types, query.limit)
    })
  },
)

/** Repeated commands are chosen more often. */
export const commands: fc.Arbitrary<Command>[] = [
  submit,
  submit,
  submit,
  spawn,
  spawn,
  watch,
  watch,
  claim,
  claim,
  claim,
  claim,
  control,
  control,
  control,
  control,
  control,
  control,
  save,
  save,
  settle,
  settle,
  settle,
  settle,
  settle,
  settle,
  settle,
  reach,
  reach,
  answer,
  answer,
  unpark,
  unpark,
  releaseSlot,
  promote,
  promote,
  expire,
  expire,
  preempt,
  preempt,
  release,
  release,
  pass,
  pass,
  jump,
  crash,
  crash,
  reap,
  reap,
  reap,
  prune,
  purge,
  hold,
  hold,
  limit,
  limit,
  list,
  list,
]

/** For many short runs of submits that meet under a few keys. */
export const uniqueCommands: fc.Arbitrary<Command>[] = [
  submit,
  submit,
  submit,
  submit,
  claim,
  settle,
  control,
  promote,
  expire,
  pass,
  pass,
  crash,
  reap,
]

function command<Choices extends object>(
  name: string,
  choices: { [Name in keyof Choices]: fc.Arbitrary<Choices[Name]> },
  run: (world: World, choices: Choices) => Promise<void>,
): fc.Arbitrary<Command> {
  return fc.record<Choices>(choices).map((made) => ({
    check: () => true,
    run: (world: World) => run(world, made),
    toString: () => `${name} ${JSON.stringify(made)}`,
  }))
}

function predecessorsOf(
  picked: readonly Picked[],
  onFailure: FailurePolicy,
): Pick<Submission, 'predecessors'> {
  const ids = [...new Set(picked.map(({ id }) => id))]
  return ids.length === 0 ? {} : { predecessors: { ids, onFailure } }
}

/** The outcome from a handler that obeys the requested control. */
function asked(status: Status | undefined): 'completed' | 'cancelled' | 'paused' | 'awake' {
  if (status === 'waiting') return 'awake'
  return status === 'pausing' ? 'paused' : status === 'cancelling' ? 'cancelled' : 'completed'
}

/** Removes undefined properties: an absent property is not an undefined one. */
function present<T extends object>(values: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as { [Name in keyof T]?: Exclude<T[Name], undefined> }
}
