/** Buckets per doubling of the value: a quantile is within 9% of the value it stands for. */
const perDoubling = 4

/** A bucket holds what is above `from`, up to `to`. */
export type LogBucket = Readonly<{ from: number; to: number; count: number }>

/** Counts milliseconds in buckets whose bounds grow by the same factor, so that histograms of several nodes and times can be added. */
export class LogHistogram {
  readonly #counts = new Map<number, number>()
  count = 0

  static from(pairs: readonly (readonly [bucket: number, count: number])[]): LogHistogram {
    return new LogHistogram().add(pairs)
  }

  observe(ms: number): void {
    this.#add(ms <= 1 ? 0 : Math.ceil(Math.log2(ms) * perDoubling), 1)
  }

  /** Observations of another one. */
  add(pairs: Iterable<readonly [bucket: number, count: number]>): this {
    for (const [bucket, count] of pairs) this.#add(bucket, count)
    return this
  }

  /** To be added to another one, in any order. */
  get pairs(): [bucket: number, count: number][] {
    return [...this.#counts]
  }

  /** By nearest rank, about: the middle of the bucket that has it. Null without observations. */
  quantile(share: number): number | null {
    let left = Math.max(1, Math.ceil(this.count * share))
    for (const { from, to, count } of this.buckets) {
      left -= count
      if (left <= 0) return from === 0 ? to : Math.sqrt(from * to)
    }
    return null
  }

  /** Those that are not empty, in ascending order. */
  get buckets(): LogBucket[] {
    const bound = (bucket: number) => 2 ** (bucket / perDoubling)
    return this.pairs
      .toSorted(([a], [b]) => a - b)
      .map(([bucket, count]) => ({ from: bucket === 0 ? 0 : bound(bucket - 1), to: bound(bucket), count }))
  }

  #add(bucket: number, count: number): void {
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + count)
    this.count += count
  }
}
