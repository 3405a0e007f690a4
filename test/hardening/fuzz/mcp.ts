import * as fc from 'fast-check'
import type { Shot } from './requests.ts'
import { marker, nasty } from './values.ts'

/** Messages of the Model Context Protocol, and what looks like them: of both eras, with and without the tasks extension. */

const methods = fc.constantFrom(
  'initialize',
  'server/discover',
  'ping',
  'tools/list',
  'tools/call',
  'tools/call',
  'tools/call',
  'tasks/get',
  'tasks/update',
  'tasks/cancel',
  'tasks/list',
  'tasks/result',
  'subscriptions/listen',
  'notifications/cancelled',
  'notifications/initialized',
  'resources/list',
  'constructor',
)
const names = fc.constantFrom(
  'add',
  'long',
  'list_tasks',
  'get_task',
  'wait_task',
  'pause_task',
  'resume_task',
  'cancel_task',
  'retry_task',
  'list_waits',
  'answer_task',
  'explain_task',
  'get_task_log',
  'get_stats',
  'submit_task',
  '__proto__',
  'toString',
)
const ids = fc.nat(50).map(marker('task_id'))
const given = fc.oneof(
  fc.record({ task_id: ids, seconds: fc.constantFrom(0, 0, 0, 51, -1) }, { requiredKeys: ['task_id'] }),
  fc.record({ task_id: ids, name: fc.constantFrom('approval', ''), answer: nasty }),
  fc.record({ a: fc.integer(), b: fc.integer() }),
  fc.record({
    task_type: fc.constantFrom('add', 'none'),
    parameters: fc.record({ a: fc.nat(), b: fc.nat() }),
  }),
  fc.record({ limit: fc.constantFrom(1, 0, 1e9), status: nasty, fields: nasty }, { requiredKeys: [] }),
  fc.constant({}),
  nasty,
)
const version = fc.constantFrom('2026-07-28', '2026-07-28', '2026-07-28', '2025-11-25', '1', '')
const capabilities = fc.oneof(
  fc.constant({ extensions: { 'io.modelcontextprotocol/tasks': {} } }),
  fc.constant({}),
  nasty,
)
const meta = fc.record(
  {
    'io.modelcontextprotocol/protocolVersion': version,
    'io.modelcontextprotocol/clientInfo': fc.constant({ name: 'fuzz', version: '1' }),
    'io.modelcontextprotocol/clientCapabilities': capabilities,
    progressToken: nasty,
  },
  {
    requiredKeys: [
      'io.modelcontextprotocol/protocolVersion',
      'io.modelcontextprotocol/clientInfo',
      'io.modelcontextprotocol/clientCapabilities',
    ],
  },
)

const message = fc.record(
  {
    jsonrpc: fc.constantFrom('2.0', '2.0', '2.0', '2.0', '1.0'),
    id: fc.oneof({ weight: 6, arbitrary: fc.nat() }, { weight: 1, arbitrary: nasty }),
    method: methods,
    params: fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record(
          { name: names, arguments: given, taskId: ids, inputResponses: nasty, _meta: meta },
          { requiredKeys: ['_meta'] },
        ),
      },
      {
        weight: 3,
        arbitrary: fc.record({ name: names, arguments: given, taskId: ids }, { requiredKeys: [] }),
      },
      { weight: 1, arbitrary: nasty },
    ),
  },
  { requiredKeys: ['jsonrpc', 'method'] },
)

type Message = Readonly<{ method?: unknown; params?: unknown }>

/** Mostly as a client would send them, with the headers that repeat a part of the body. */
export const mcpShots: fc.Arbitrary<Shot> = fc
  .tuple(
    fc.oneof(
      { weight: 9, arbitrary: message },
      { weight: 1, arbitrary: fc.array(message, { maxLength: 3 }) },
    ),
    fc.integer({ min: 0, max: 9 }),
    fc.constantFrom('application/json, text/event-stream', '*/*', 'application/json', 'text/html'),
  )
  .map(([message, dice, accept]) => {
    const { method, params } = message as Message
    const { name, taskId, _meta } = (params ?? {}) as Readonly<Record<string, unknown>>
    const claimed = (_meta as Readonly<Record<string, unknown>> | undefined)?.[
      'io.modelcontextprotocol/protocolVersion'
    ]
    const headers: Record<string, string> = { 'content-type': 'application/json', accept }
    if (claimed !== undefined && dice > 0) {
      headers['mcp-protocol-version'] = dice === 1 ? '2025-11-25' : sendable(claimed)
      headers['mcp-method'] = dice === 2 ? 'tools/list' : sendable(method)
      const named = String(method).startsWith('tasks/') ? taskId : name
      if (typeof named === 'string') headers['mcp-name'] = dice === 3 ? 'another' : sendable(named)
    }
    return { operation: 'callMcp', method: 'POST', target: '/mcp', headers, body: JSON.stringify(message) }
  })

function sendable(value: unknown): string {
  return String(value).replaceAll(/[^\u0020-\u007e]/g, '?')
}
