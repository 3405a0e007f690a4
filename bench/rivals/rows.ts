import { setTimeout as sleep } from 'node:timers/promises'
import type { System } from './system.ts'

/** One figure of a system. The latencies of a row come from the same run. */
export type Row = Readonly<{
  title: string
  unit: 'per second' | 'ms'
  measure(system: System): Promise<Readonly<Record<string, number>>>
}>

/** Milliseconds of each measurement of a rate. */
const lasts = 2_000
const callers = 100
const drained = 20_000
/** Milliseconds after which a slow system has shown its rate. */
const atMost = 15_000
/** Tasks per second, and how many, for latencies. */
const pace = 10
const paced = 60

export const rows: Readonly<Record<string, Row>> = {
  single: {
    title: 'single submits, 100 waiting callers',
    unit: 'per second',
    measure: async (system) => ({ rate: await rateOf(callers, (n) => system.submit(n)) }),
  },
  bulk: {
    title: 'bulk submits, groups of 1,000',
    unit: 'per second',
    measure: async (system) => ({
      rate:
        1_000 *
        (await rateOf(1, (group) =>
          system.submitAll(Array.from({ length: 1_000 }, (_, n) => group * 1_000 + n)),
        )),
    }),
  },
  drain100: {
    title: 'drain of 20,000 no-ops, 100 slots',
    unit: 'per second',
    measure: async (system) => ({ rate: await drain(system, 100) }),
  },
  drain1000: {
    title: 'drain of 20,000 no-ops, 1,000 slots',
    unit: 'per second',
    measure: async (system) => ({ rate: await drain(system, 1_000) }),
  },
  cycle: {
    title: 'submit to result, 100 waiting callers',
    unit: 'per second',
    measure: async (system) => {
      const result = await resultOf(system, callers)
      return { rate: await rateOf(callers, result) }
    },
  },
  latency: {
    title: 'submit to result at 10 a second',
    unit: 'ms',
    async measure(system) {
      const result = await resultOf(system, callers)
      await result(0)
      const took: number[] = []
      const all: Promise<void>[] = []
      for (let n = 1; n <= paced; n++) {
        const began = performance.now()
        all.push(result(n).then(() => void took.push(performance.now() - began)))
        await sleep(1_000 / pace)
      }
      await Promise.all(all)
      took.sort((a, b) => a - b)
      return { p50: took[Math.floor(paced * 0.5)]!, p99: took[Math.floor(paced * 0.99)]! }
    },
  },
}

/** Calls per second of as many callers as given, each of which calls again once it is answered. */
async function rateOf(count: number, call: (n: number) => Promise<unknown>): Promise<number> {
  let calls = 0
  const began = performance.now()
  const isOver = () => performance.now() - began > lasts
  const caller = async () => {
    while (!isOver()) await call(calls++)
  }
  await Promise.all(Array.from({ length: count }, caller))
  return (calls / (performance.now() - began)) * 1_000
}

async function drain(system: System, slots: number): Promise<number> {
  for (let n = 0; n < drained; n += 1_000) {
    await system.submitAll(Array.from({ length: 1_000 }, (_, index) => n + index))
  }
  const seen = new Set<number>()
  const { promise: all, resolve } = Promise.withResolvers<void>()
  const began = performance.now()
  await system.work(slots, (n) => {
    if (seen.add(n).size === drained) resolve()
  })
  await Promise.race([all, sleep(atMost)])
  return (seen.size / (performance.now() - began)) * 1_000
}

/** Starts to work. Waits for the stored result where the system can, and otherwise for the run of the handler. */
async function resultOf(system: System, slots: number): Promise<(n: number) => Promise<void>> {
  const waiting = new Map<number, () => void>()
  await system.work(slots, (n) => {
    waiting.get(n)?.()
    waiting.delete(n)
  })
  if (system.result !== undefined) return async (n) => void (await system.result!(n))
  return async (n) => {
    const ran = new Promise<void>((resolve) => waiting.set(n, resolve))
    await system.submit(n)
    await ran
  }
}
