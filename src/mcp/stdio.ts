import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { protocolFor } from './protocol.ts'
import type { TaskServer } from './task-server.ts'

/** Speaks the protocol on standard input and output until the input ends. */
export function serveOnStdio(server: TaskServer): Promise<void> {
  const ended = new Promise<void>((resolve) => process.stdin.once('close', resolve).once('end', resolve))
  serveStdio(() => protocolFor(server))
  return ended
}
