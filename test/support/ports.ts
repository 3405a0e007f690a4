import { createServer } from 'node:net'

/** Below the ports that Linux gives to whoever does not ask for a certain one, connections included. */
const range = { from: 20_000, count: 12_000 }
/** Each process begins elsewhere. */
let next = process.pid * 37

/**
 * A free port of this machine that nothing takes by chance before it is used, or while a server on it restarts: unlike those
 * that the kernel gives to servers on port 0 and to connections.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = range.from + (next++ % range.count)
    if (await isFree(port)) return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer()
  return new Promise((resolve) => {
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
