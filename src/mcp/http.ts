import { createMcpHandler } from '@modelcontextprotocol/server'
import { protocolFor } from './protocol.ts'
import type { TaskServer } from './task-server.ts'

export { scopesFor } from './protocol.ts'

/** Answers one message of a client; `body` is its JSON. */
export function answerTo(request: Request, body: unknown, server: TaskServer): Promise<Response> {
  return createMcpHandler(() => protocolFor(server)).fetch(request, { parsedBody: body })
}
