const things = new Map<string, Promise<unknown>>()

/** The setup of each project loads its own copy of a module: they meet in the process of the test runner. */
const known = ((globalThis as { fermataShared?: typeof things }).fermataShared ??= things)

/** What the first project starts, all others share, and the first that ends it ends it for all: they end together. */
export function shared<T extends Partial<AsyncDisposable>>(name: string, start: () => Promise<T>) {
  return {
    take(): Promise<T> {
      const started = known.get(name) ?? start()
      known.set(name, started)
      return started as Promise<T>
    },
    async end(): Promise<void> {
      const started = known.get(name) as Promise<T> | undefined
      known.delete(name)
      await (await started)?.[Symbol.asyncDispose]?.()
    },
  }
}
