/** One measure: our throughput, and that of the same work without us, in operations per second. */
export type Measure = Readonly<{
  name: string
  /** Our aim on a two-core machine, in operations per second. */
  aim: number
  /** What `limit` does. */
  beside: string
  ours: () => Promise<number>
  limit: () => Promise<number>
}>

/** Runs `count` calls with `callers` of them concurrently; returns calls per second. */
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
  return quantile(values, 0.5)
}

/** The value that this share of the values lies below; 0 without values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length * share)] ?? 0
}
