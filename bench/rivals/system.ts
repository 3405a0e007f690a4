/** What every system under test can do. A task carries a number, and its handler does nothing but note that it ran. */
export type System = AsyncDisposable &
  Readonly<{
    /** Resolves once the system says that the task is stored. */
    submit(n: number): Promise<unknown>
    submitAll(numbers: readonly number[]): Promise<unknown>
    /** Starts to run tasks, at most `slots` at once. `ran`: called by the handler of each task. */
    work(slots: number, ran: (n: number) => void): Promise<void>
    /**
     * Submits a task and waits for its stored result, while `work` runs. Undefined for systems that cannot wait for a result;
     * then the run of the handler counts.
     */
    result?(n: number): Promise<unknown>
  }>

/** Where a system keeps its data. */
export type Places = Readonly<{
  /** An empty folder. */
  folder: string
  redisPort: number
  postgres: string
}>

export type Opens = (places: Places) => Promise<System>
