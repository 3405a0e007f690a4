/** One thing to measure: ours, and what the same work costs without us, in operations a second. */
export type Measure = Readonly<{
  name: string
  /** What we want to reach on a two-core machine, in operations a second. */
  aim: number
  /** What `limit` does. */
  beside: string
  ours: () => Promise<number>
  limit: () => Promise<number>
}>

/** Runs `count` calls, `callers` of them waiting at once; answers calls a second. */
export async function throughput(
  count: number,
  callers: number,
  call: (index: number) => Promise<unknown>,
): Promise<number> {
  let next = 0
  const caller = async () => {
    while (next < count) await call(next++)
  }
  const began = performance.now()
  await Promise.all(Array.from({ length: callers }, caller))
  return (count / (performance.now() - began)) * 1_000
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
