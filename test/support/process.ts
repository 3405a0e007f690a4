import { readFile, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestServer } from './server.ts'

/** Settings with which a server can be asked for the size of its heap. */
export const heapTold: Readonly<Record<string, string>> = {
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(`
    import { writeFileSync } from 'node:fs'
    import { setFlagsFromString } from 'node:v8'
    import { runInNewContext } from 'node:vm'
    setFlagsFromString('--expose_gc')
    const collect = runInNewContext('gc')
    process.on('SIGUSR2', () => {
      collect()
      writeFileSync('/tmp/fermata-heap-' + process.pid, String(process.memoryUsage().heapUsed))
    })
  `)}`,
}

/** Megabytes in use in the heap of a server started with `heapTold`, after garbage collection. */
export async function heapOf(server: TestServer): Promise<number> {
  const file = `/tmp/fermata-heap-${server.pid}`
  await rm(file, { force: true })
  server.signal('SIGUSR2')
  for (;;) {
    const text = await readFile(file, 'utf8').catch(() => '')
    if (text !== '') {
      await rm(file, { force: true })
      return Math.round(Number(text) / 1_048_576)
    }
    await sleep(20)
  }
}

/** Megabytes of memory of a process. */
export async function memoryOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024)
}

/** How many files and connections this process may have open; its children inherit it. */
export async function openFiles(): Promise<number> {
  const limits = await readFile('/proc/self/limits', 'utf8')
  return Number(/Max open files\s+(\d+)/.exec(limits)?.[1])
}
