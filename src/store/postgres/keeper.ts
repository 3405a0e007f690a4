import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { LeaseNews } from '../sharing.ts'

const entry = new URL(`./keeper-main${extname(import.meta.filename)}`, import.meta.url)

export type KeeperSettings = Readonly<{
  servers: readonly string[]
  schema: string
  boot: string
  /** Milliseconds. */
  lease: number
  /** When the boot began, at the earliest, by `monotonicNow`. */
  since: number
}>

export type KeeperMessage = Readonly<{ kind: keyof LeaseNews }>

/** Milliseconds of a clock that never jumps and is the same in all threads of a process. */
export function monotonicNow(): number {
  return Number(process.hrtime.bigint() / 1_000_000n)
}

/** Starts the thread that renews the lease, on a connection of its own. */
export function keepLease(settings: KeeperSettings, news: LeaseNews): AsyncDisposable {
  const thread = new Worker(entry, { workerData: settings })
  let stopped = false
  thread.unref()
  thread.on('message', ({ kind }: KeeperMessage) => {
    thread.postMessage('heard')
    if (!stopped) news[kind]()
  })
  // Without its keeper a node must not go on: the lease is over before anyone notices.
  thread.on('error', () => {
    if (!stopped) news.over()
  })
  return {
    [Symbol.asyncDispose]: async () => {
      stopped = true
      await thread.terminate()
    },
  }
}
