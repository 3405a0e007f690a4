import type { Control } from '../../src/core/task.ts'
import type { BulkAction } from '../../src/core/operation.ts'
import { Chance } from '../support/chance.ts'
import { storeFaults, type StoreFault } from './database.ts'
import type { LimitDefinition } from '../../src/core/limits.ts'
import { hasChildren, withChildren } from './children.ts'
import { hasDependencies } from './dependencies.ts'
import { hasExpiry } from './expiry.ts'
import { hasTaskSteps, withTaskSteps } from './task-steps.ts'
import { hasTaskWaits, withTaskWaits, type AnswerDraft } from './task-waits.ts'
import type { Step, Steps } from './handlers.ts'
import { limitsOf, withLimits, type SimulatedLimits } from './limits.ts'
import { hasPreemption } from './preemption.ts'
import { schedulesOf, type SimulatedSchedule } from './schedules.ts'
import { storyOf } from './stories.ts'
import { receiversOf, withCrowds, type SimulatedReceivers } from './webhooks.ts'

/** How a world is made. Times in milliseconds. */
export type Setting = Readonly<{
  /** Nodes share the store and have leases; otherwise there is one node, which owns it. */
  shared: boolean
  groups: boolean
  machines: number
  slots: readonly number[]
  lease: number
  latency: number
  concurrency: number
  maxQueued: number
  retention: number
  cancelGrace: number
  drain: number
  maxParked: number
  /** When the last event of the script happens. */
  length: number
  schedules: readonly SimulatedSchedule[]
  /** Tasks wait for others. */
  dependencies: boolean
  /** Null if tasks have no limits, and tenants no turns. */
  limits: SimulatedLimits | null
  /** How many tasks of type `inline` may wait; null for any number. */
  most: number | null
  /** Tasks make room for urgent ones. */
  preemption: boolean
  /** Tasks must start in time. */
  expiry: boolean
  /** Handlers store steps. */
  taskSteps: boolean
  /** Null without webhooks. */
  receivers: SimulatedReceivers | null
  /** Handlers start children. */
  children: boolean
  /** Handlers wait for answers. */
  taskWaits: boolean
}>

export type SubmitDraft = Readonly<{
  type: string
  steps: Steps
  priority: number
  /** Seconds. */
  delay?: number
  timeout?: number
  maxAttempts: number
  backoff: number
  idempotencyKey?: string
  /** Keys by the names of limits. */
  limits?: Readonly<Record<string, string>>
  tenant?: string
}>

/**
 * One thing that happens: a call of a caller, or a fault. Node and task by a number, whatever exists then; `on`: the node on
 * this machine, or nobody is called.
 */
export type Happening = Readonly<{ at: number; on?: number }> &
  (
    | Readonly<{
        kind: 'submit'
        node: number
        drafts: readonly SubmitDraft[]
        waits: boolean
        isAim?: boolean
      }>
    | Readonly<{ kind: 'transact'; node: number; drafts: readonly SubmitDraft[]; commitIn: number | null }>
    | Readonly<{
        kind: 'control'
        node: number
        task: number
        control: Control
        wait: number
        fromStart: boolean
      }>
    | Readonly<{ kind: 'wait'; node: number; task: number; patience: number }>
    | Readonly<{ kind: 'follow'; node: number; task: number; patience: number }>
    | Readonly<{ kind: 'follow-all'; node: number; patience: number }>
    | Readonly<{ kind: 'look'; node: number; task: number }>
    | (Readonly<{ kind: 'answer'; node: number; task: number }> & AnswerDraft)
    | Readonly<{ kind: 'list'; node: number; limit: number; text?: string }>
    | Readonly<{ kind: 'purge'; node: number; task: number }>
    | Readonly<{ kind: 'hold'; node: number; type: string; held: boolean }>
    | Readonly<{
        kind: 'bulk'
        node: number
        action: BulkAction
        type?: string
        dryRun: boolean
        cancelIn: number | null
      }>
    /** Somebody sets a limit, or deletes what was set. */
    | Readonly<{ kind: 'limit'; node: number; name: string; definition: LimitDefinition | null }>
    | Readonly<{ kind: 'kill'; machine: number; restartIn: number }>
    | Readonly<{ kind: 'close'; machine: number; restartIn: number }>
    | Readonly<{ kind: 'freeze'; machine: number; whole: boolean; ms: number }>
    | Readonly<{ kind: 'jump'; machine: number; ms: number }>
    | Readonly<{ kind: 'crash-run'; machine: number }>
    | Readonly<{ kind: 'shortage'; machine: number; ms: number }>
    | Readonly<{
        kind: 'store-fault'
        machines: readonly number[]
        fault: StoreFault
        share: number
        ms: number
        only?: 'reads' | 'saves'
      }>
    | Readonly<{ kind: 'store-crash'; ms: number }>
    | Readonly<{ kind: 'network-fault'; lost: number; doubled: number; late: number; ms: number }>
  )

export type Script = Readonly<{ seed: number; setting: Setting; happenings: readonly Happening[] }>

export const typeNames = ['inline', 'limited', 'threaded', 'fragile'] as const

/** Everything that is going to happen in the world of this seed. */
export function scriptOf(seed: number, only: Partial<Setting> = {}): Script {
  const chance = new Chance(Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995)
  const schedules = schedulesOf(new Chance(Math.imul(seed, 0xc2b2ae35) ^ 0x165667b1), typeNames)
  const dependencies = hasDependencies(new Chance(Math.imul(seed, 0x27d4eb2f) ^ 0x27d))
  const limits = limitsOf(new Chance(Math.imul(seed, 0x165667b1) ^ 0x3c6ef372))
  const expiry = hasExpiry(new Chance(Math.imul(seed, 0x165667b1) ^ 0x9ad))
  const bounding = new Chance(Math.imul(seed, 0x27d4eb2f) ^ 0x9a)
  const most = bounding.between(1, 5) === 1 ? bounding.between(1, 4) : null
  const taskSteps = hasTaskSteps(new Chance(Math.imul(seed, 0x45d9f3b) ^ 0x51e9))
  const receivers = receiversOf(new Chance(Math.imul(seed, 0x85ebca6b) ^ 0x18))
  const children = hasChildren(new Chance(Math.imul(seed, 0x7feb352d) ^ 0xc41d))
  const preemption = hasPreemption(new Chance(Math.imul(seed, 0x1b873593) ^ 0x52d))
  const taskWaits = !preemption && hasTaskWaits(new Chance(Math.imul(seed, 0x2c1b3c6d) ^ 0xa5c))
  const setting = {
    ...settingOf(chance),
    preemption,
    schedules,
    dependencies,
    limits,
    expiry,
    most,
    taskSteps,
    receivers,
    children,
    taskWaits,
    ...only,
  }
  const flavor = flavorOf(chance, setting)
  const happenings: Happening[] = []
  const calls = chance.between(6, 30)
  for (let call = 0; call < calls; call++) happenings.push(callOf(chance, setting, flavor, call))
  const faults = chance.next() < 0.1 ? 0 : chance.between(1, 9)
  for (let fault = 0; fault < faults; fault++) happenings.push(faultOf(chance, setting, flavor))
  const story = storyOf(new Chance(Math.imul(seed, 0x85ebca6b) ^ 0x27d4eb2f), setting)
  happenings.push(...story.filter(({ at }) => at <= setting.length))
  if (setting.taskSteps)
    happenings.push(...withTaskSteps(new Chance(Math.imul(seed, 0x2545f491) ^ 0x1d), setting))
  if (setting.receivers !== null)
    happenings.push(...withCrowds(new Chance(Math.imul(seed, 0x2545f491) ^ 0x3eb), setting))
  if (setting.children)
    happenings.push(
      ...withChildren(
        new Chance(Math.imul(seed, 0x846ca68b) ^ 0xc41d),
        new Chance(Math.imul(seed, 0x846ca68b) ^ 0x101),
        setting,
      ),
    )
  if (setting.taskWaits)
    happenings.push(...withTaskWaits(new Chance(Math.imul(seed, 0x297a2d39) ^ 0xa5c), setting))
  const all =
    setting.limits === null
      ? happenings
      : withLimits(happenings, setting.limits, setting.length, new Chance(seed ^ 0x7f4a7c15))
  return { seed, setting, happenings: all.toSorted((a, b) => a.at - b.at) }
}

/**
 * What this world is about. One in which everything happens seldom has two rare things in a row: so each has some kinds of
 * calls, handlers and faults, and those more often.
 */
type Flavor = Readonly<{
  calls: readonly CallKind[]
  steps: readonly (typeof stepKinds)[number][]
  faults: readonly FaultKind[]
  storeFaults: readonly StoreFault[]
  types: readonly string[]
  /** Calls concern this many tasks: the fewer, the more happens to each. */
  targets: number
  hasTimeouts: boolean
}>

function flavorOf(chance: Chance, { shared }: Setting): Flavor {
  return {
    calls: someOf(chance, callKinds, 4),
    steps: someOf(chance, stepKinds, 3),
    faults: someOf(chance, shared ? sharedFaults : ownFaults, 1),
    storeFaults: someOf(chance, storeFaults, 1),
    types: someOf(chance, typeNames, 1),
    targets: chance.of([1, 2, 4, 1_000])!,
    hasTimeouts: chance.next() < 0.5,
  }
}

/** Half of the lists are complete; the others have at least this many members. */
function someOf<T>(chance: Chance, all: readonly T[], least: number): readonly T[] {
  if (chance.next() < 0.3) return all
  const shuffled = all.map((one) => ({ one, key: chance.next() })).toSorted((a, b) => a.key - b.key)
  return shuffled.slice(0, chance.between(least, Math.max(least, all.length >> 1))).map(({ one }) => one)
}

function settingOf(
  chance: Chance,
): Omit<
  Setting,
  | 'schedules'
  | 'dependencies'
  | 'limits'
  | 'expiry'
  | 'most'
  | 'preemption'
  | 'taskSteps'
  | 'receivers'
  | 'children'
  | 'taskWaits'
> {
  const shared = chance.next() < 0.75
  const machines = shared ? chance.between(1, 5) : 1
  return {
    shared,
    groups: !shared || chance.next() < 0.5,
    machines,
    slots: Array.from({ length: machines }, () =>
      machines > 1 && chance.next() < 0.1 ? 0 : chance.between(1, 4),
    ),
    lease: chance.of([5_000, 15_000])!,
    latency: chance.of([2, 5, 30, 200])!,
    concurrency: chance.between(1, 2),
    maxQueued: chance.next() < 0.9 ? 1_000 : 6,
    retention: chance.of([60_000, 60_000, 3_000])!,
    cancelGrace: chance.of([500, 2_000, 5_000])!,
    drain: chance.of([0, 2_000, 10_000])!,
    maxParked: chance.between(0, 3),
    length: chance.between(3_000, 30_000),
  }
}

function callOf(chance: Chance, { length, shared }: Setting, flavor: Flavor, call: number): Happening {
  // Tasks come early, so that there is something to disturb.
  const early = call < 4
  const at = chance.between(0, early ? length >> 2 : length)
  const node = chance.between(0, 99)
  const task = chance.between(0, flavor.targets)
  const kind = early ? 'submit' : chance.of(flavor.calls)!
  switch (kind) {
    case 'submit': {
      const count = chance.next() < 0.3 ? chance.between(2, 5) : 1
      const drafts = Array.from({ length: count }, () => draftOf(chance, flavor))
      return {
        at,
        kind,
        node,
        drafts: drafts.map((draft) => ({ ...draft, type: drafts[0]!.type })),
        waits: chance.next() < 0.3,
      }
    }
    case 'transact': {
      if (!shared) return { at, kind: 'look', node, task }
      const { idempotencyKey: _, ...draft } = draftOf(chance, flavor)
      return {
        at,
        kind,
        node,
        drafts: [draft],
        commitIn: chance.next() < 0.7 ? chance.between(0, 3_000) : null,
      }
    }
    case 'control': {
      const control = chance.of<Control>(['pause', 'pause', 'resume', 'resume', 'cancel', 'retry'])!
      const wait = chance.of([0, 0, 2_000, 10_000])!
      return { at, kind, node, task, control, wait, fromStart: chance.next() < 0.3 }
    }
    case 'wait':
    case 'follow':
      return { at, kind, node, task, patience: chance.of([500, 5_000, 1_000_000])! }
    case 'follow-all':
      return { at, kind, node, patience: chance.between(500, 10_000) }
    case 'list':
      return {
        at,
        kind,
        node,
        limit: chance.between(1, 5),
        ...(chance.next() < 0.3 ? { text: 'sleep' } : {}),
      }
    case 'hold':
      return { at, kind, node, type: chance.of(typeNames)!, held: chance.next() < 0.5 }
    case 'bulk': {
      const action = chance.of<BulkAction>(['pause', 'resume', 'cancel', 'retry', 'purge'])!
      const type = chance.next() < 0.5 ? { type: chance.of(typeNames)! } : {}
      return {
        at,
        kind,
        node,
        action,
        ...type,
        dryRun: chance.next() < 0.2,
        cancelIn: chance.next() < 0.2 ? chance.between(0, 500) : null,
      }
    }
    default:
      return { at, kind, node, task }
  }
}

const callKinds = [
  'submit',
  'submit',
  'submit',
  'submit',
  'transact',
  'control',
  'control',
  'control',
  'control',
  'control',
  'control',
  'control',
  'control',
  'wait',
  'follow',
  'follow-all',
  'look',
  'look',
  'list',
  'purge',
  'hold',
  'bulk',
  'bulk',
] as const
type CallKind = (typeof callKinds)[number]

function draftOf(chance: Chance, { types, steps, hasTimeouts }: Flavor): SubmitDraft {
  const delay = chance.next() < 0.15 ? { delay: chance.between(1, 8) } : {}
  const timeout = hasTimeouts && chance.next() < 0.6 ? { timeout: chance.between(1, 6) } : {}
  const key = chance.next() < 0.15 ? { idempotencyKey: chance.of(['k1', 'k2', 'k3'])! } : {}
  return {
    type: chance.of(types)!,
    steps: stepsOf(chance, steps),
    priority: chance.between(-1, 1),
    maxAttempts: chance.between(1, 3),
    backoff: chance.of([0, 1, 3])!,
    ...delay,
    ...timeout,
    ...key,
  }
}

function stepsOf(chance: Chance, kinds: readonly (typeof stepKinds)[number][]): Steps {
  const long = () => chance.of([1, 50, 300, 1_000, 3_000])!
  return Array.from({ length: chance.between(1, 8) }, (_, index): Step => {
    const kind = index % 2 === 1 ? 'sleep' : chance.of(kinds)!
    switch (kind) {
      case 'checkpoint':
      case 'durable':
        return [kind]
      case 'throw-final':
        return chance.next() < 0.3 ? [kind] : ['checkpoint']
      case 'flood':
        return [kind, chance.between(1, 30)]
      case 'throw':
        return [kind, chance.between(1, 2)]
      case 'slow-to-stop':
        return [kind, long() * 3]
      default:
        return [kind, long()]
    }
  })
}

const stepKinds = [
  'checkpoint',
  'checkpoint',
  'checkpoint',
  'sleep',
  'sleep',
  'durable',
  'flood',
  'flood',
  'deaf',
  'throw',
  'throw-final',
  'slow-to-stop',
  'finish-late',
  'race',
] as const

function faultOf(chance: Chance, { length, machines }: Setting, flavor: Flavor): Happening {
  const at = chance.between(0, length)
  const machine = chance.between(0, machines - 1)
  const ms = chance.of([300, 2_000, 8_000, 25_000])!
  switch (chance.of(flavor.faults)!) {
    case 'kill':
      return { at, kind: 'kill', machine, restartIn: chance.between(1, 5_000) }
    case 'close':
      return { at, kind: 'close', machine, restartIn: chance.between(1, 5_000) }
    case 'freeze':
      return { at, kind: 'freeze', machine, whole: chance.next() < 0.7, ms }
    case 'jump':
      return { at, kind: 'jump', machine, ms: chance.of([-3_600_000, -5_000, -500, 500, 5_000, 3_600_000])! }
    case 'crash-run':
      return { at, kind: 'crash-run', machine }
    case 'shortage':
      return { at, kind: 'shortage', machine, ms }
    case 'store-fault': {
      const all = Array.from({ length: machines }, (_, number) => number)
      const some = chance.next() < 0.5 ? all : [machine]
      return {
        at,
        kind: 'store-fault',
        machines: some,
        fault: chance.of(flavor.storeFaults)!,
        share: chance.of([0.2, 0.5, 1])!,
        ms,
      }
    }
    case 'store-crash':
      return { at, kind: 'store-crash', ms: chance.between(1, 8_000) }
    default:
      return {
        at,
        kind: 'network-fault',
        lost: chance.of([0, 0.5, 1])!,
        doubled: 0.5,
        late: chance.of([20, 2_000])!,
        ms,
      }
  }
}

const ownFaults = [
  'kill',
  'close',
  'freeze',
  'jump',
  'crash-run',
  'shortage',
  'store-fault',
  'store-fault',
] as const
const sharedFaults = [...ownFaults, 'kill', 'freeze', 'store-crash', 'network-fault'] as const
type FaultKind = (typeof sharedFaults)[number]
