/**
 * Counts observations in buckets, cheaply enough for every task and every commit. `bounds` are inclusive upper limits in
 * ascending order; the last bucket takes what is above all of them.
 */
export class Histogram {
  readonly bounds: readonly number[]
  /** Observations per bucket, not cumulative; one more than there are bounds. */
  readonly counts: number[]
  count = 0
  sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  observe(value: number): void {
    const { bounds, counts } = this
    let bucket = 0
    while (bucket < bounds.length && value > bounds[bucket]!) bucket += 1
    counts[bucket]! += 1
    this.count += 1
    this.sum += value
  }
}
