import type { Runtime } from '../../src/registry/type.ts'
import { simulated } from './backends.ts'
import type { Script, Setting } from './script.ts'
import { asker } from './task-waits.ts'
import { World, type Cut, type Outcome } from './world.ts'

/** `repeated`: steps whose effect a kill has doubled, each once for each such kill. */
export type Kills = Readonly<{ kills: number; repeated: readonly string[]; wrong: string | undefined }>

const names = ['first', 'second', 'third', 'last'] as const

/** Nodes that own their store or share it, calls that are sent alone or in groups, handlers beside the node or in it. */
const worlds: readonly Readonly<{ shared: boolean; groups: boolean; machines: number; type: Runtime }>[] = [
  { shared: false, groups: true, machines: 1, type: 'inline' },
  { shared: false, groups: true, machines: 1, type: 'thread' },
  { shared: true, groups: false, machines: 2, type: 'inline' },
  { shared: true, groups: true, machines: 1, type: 'thread' },
]

/**
 * A task of four steps, with a sleep and a question between them, whose code is killed once: in each world after every event, and right
 * after every effect. No step that was stored by then may have a second effect, and no other one a third.
 */
export async function killEverywhere(): Promise<Kills> {
  const repeated: string[] = []
  let kills = 0
  for (const { type, ...own } of worlds) {
    const script = scriptFor(type, own)
    const run = (cut?: Cut) => new World(script, cut === undefined ? {} : { cut }).run(simulated)
    const { steps: events } = await run()
    const cuts: Cut[] = names.map((_, index) => ({ effect: index + 1, node: true }))
    for (let event = 1; event <= events; event++) cuts.push({ event, node: true })
    // Code in the process of its node does not die alone.
    const alone = type === 'inline' ? [] : cuts.map((cut) => ({ ...cut, node: false }))
    for (const cut of [...cuts, ...alone]) {
      const outcome = await run(cut)
      if (outcome.cut === undefined) continue
      kills += 1
      const wrong = wrongIn(outcome)
      if (wrong !== undefined)
        return { kills, repeated, wrong: `${JSON.stringify({ type, ...own, cut })}: ${wrong}` }
      repeated.push(...names.filter((name) => outcome.effects.get(name) === 2))
    }
  }
  return { kills, repeated, wrong: undefined }
}

function wrongIn({ violation, effects, cut }: Outcome): string | undefined {
  if (violation !== undefined) return violation.message
  const twice = names.filter((name) => effects.get(name) !== 1)
  const bad = names.find((name) => ![1, 2].includes(effects.get(name) ?? 0))
  if (bad !== undefined) return `the step "${bad}" had ${effects.get(bad) ?? 0} effects`
  if (twice.length > 1) return `one kill has repeated ${twice.join(' and ')}`
  const stored = twice.find((name) => cut?.stored.includes(name))
  return stored === undefined ? undefined : `the step "${stored}" was stored, and had another effect`
}

function scriptFor(type: Runtime, own: Pick<Setting, 'shared' | 'groups' | 'machines'>): Script {
  const [first, second, third, last] = names
  const setting: Setting = {
    ...own,
    slots: Array.from({ length: own.machines }, () => 2),
    lease: 5_000,
    latency: 5,
    concurrency: 2,
    maxQueued: 1_000,
    retention: 600_000,
    cancelGrace: 500,
    drain: 0,
    maxParked: 3,
    length: 4_500,
    schedules: [],
    dependencies: false,
    limits: null,
    most: null,
    preemption: false,
    expiry: false,
    taskSteps: true,
    receivers: null,
    children: false,
    taskWaits: true,
  }
  return {
    seed: 1,
    setting,
    happenings: [
      {
        at: 300,
        kind: 'submit',
        node: 0,
        drafts: [
          {
            type: type === 'inline' ? 'inline' : 'threaded',
            steps: [
              ['task-step', first, 0],
              ['task-step', second, 30],
              ['sleep', 1_200],
              ['task-step', third, 10],
              ['ask', ['go on'], null],
              ['task-step', last, 0],
            ],
            priority: 0,
            maxAttempts: 5,
            backoff: 0,
          },
        ],
        waits: true,
      },
      {
        at: 3_000,
        kind: 'answer',
        node: 0,
        task: asker(0),
        name: 'go on',
        by: 'name',
        holds: 0,
        isMisfit: false,
      },
    ],
  }
}
