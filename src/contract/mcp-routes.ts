import { z } from 'zod'
import type { Route } from './route.ts'

const listing = { jsonrpc: '2.0', id: 1, method: 'tools/list' }

const Message = z.looseObject({}, 'the body must be one JSON-RPC message: an object').meta({
  description: 'A JSON-RPC message.',
  example: listing,
})

/** The route for agents. */
export const mcpRoutes = {
  callMcp: {
    method: 'POST',
    path: '/mcp',
    tag: 'server',
    scope: 'any',
    summary: 'Call a tool as an agent',
    description:
      'The Model Context Protocol over streamable HTTP, revision 2026-07-28 with the extension `io.modelcontextprotocol/tasks`, and earlier revisions. MCP clients send it; give them this URL. There is a tool for each task type, and others to list, watch, pause, resume, cancel and retry tasks; which of them a caller sees and may call depends on its key: the scope `run` for the types, `read` to look, `control` to pause, resume, cancel and retry. Sensitive values are always hidden. One message per request; nothing is kept between requests.',
    body: Message,
    answer: {
      description: 'The answer, as JSON-RPC or as a stream of it.',
      schema: z.looseObject({}).meta({
        description: 'A JSON-RPC response.',
        example: { jsonrpc: '2.0', id: 1, result: { tools: [] } },
      }),
      raw: {
        media: 'text/event-stream',
        description: 'To clients of revisions before 2026-07-28: events with JSON-RPC messages.',
        example: 'event: message\ndata: {"jsonrpc":"2.0","id":1,"result":{"tools":[]}}\n\n',
      },
      accepted: 'The message was a notification, which has no answer.',
      refused: {
        statuses: [400, 404, 406],
        description: 'The message is not one of the protocol: a JSON-RPC error',
        schema: z.looseObject({ error: z.looseObject({ code: z.int(), message: z.string() }) }).meta({
          description: 'A JSON-RPC error.',
          example: { jsonrpc: '2.0', id: 1, error: { code: -32_601, message: 'Method not found' } },
        }),
      },
    },
    problems: ['BODY_INVALID', 'TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'],
  },
} as const satisfies Record<string, Route>
