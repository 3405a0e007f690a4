import { postgres, simulated, sqlite } from './backends.ts'
import type { Violation } from './promises.ts'
import { scriptOf, type Script } from './script.ts'
import { World, type Outcome } from './world.ts'

export const stores = {
  simulated: { open: simulated, only: {} },
  sqlite: { open: sqlite, only: { shared: false, groups: true, machines: 1 } },
  postgres: { open: postgres, only: { shared: true, groups: false } },
} as const

export type StoreName = keyof typeof stores

export type Found = Readonly<{ seed: number; violation: Violation }>

export function runSeed(seed: number, store: StoreName = 'simulated'): Promise<Outcome> {
  return runScript(scriptOf(seed, stores[store].only), store)
}

/** The first of these seeds that breaks a promise. */
export async function firstFound(from: number, count: number, store: StoreName): Promise<Found | undefined> {
  for (let seed = from; seed < from + count; seed++) {
    const { violation } = await runSeed(seed, store)
    if (violation !== undefined) return { seed, violation }
  }
  return undefined
}

/** One seed with its history: only what breaks the promise, if it breaks one. */
export async function told(
  seed: number,
  store: StoreName,
): Promise<Readonly<{ script: Script; outcome: Outcome }>> {
  const whole = scriptOf(seed, stores[store].only)
  const { violation } = await runScript(whole, store)
  const script = violation === undefined ? whole : await shortened(whole, violation, store)
  return { script, outcome: await runScript(script, store, true) }
}

/** The most runs that are worth a shorter script. */
const mostRuns = 400

/** The script without everything that a violation of the same promise does not need. */
async function shortened(whole: Script, { promise }: Violation, store: StoreName): Promise<Script> {
  let script = whole
  let runs = 0
  for (let size = Math.ceil(whole.happenings.length / 2); size >= 1; size >>= 1) {
    for (let at = 0; at < script.happenings.length && runs < mostRuns; runs++) {
      const happenings = script.happenings.filter((_, index) => index < at || index >= at + size)
      const candidate = { ...script, happenings }
      const { violation } = await runScript(candidate, store)
      if (violation?.promise === promise) script = candidate
      else at += size
    }
  }
  return script
}

function runScript(script: Script, store: StoreName, isTold = false): Promise<Outcome> {
  return new World(script, { isTold }).run(stores[store].open)
}
