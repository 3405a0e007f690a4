/**
 * What an agent does with Fermata, reduced to its calls: it starts a task, pauses it, resumes it and reads its result. Run it
 * beside a server:
 *
 *     node examples/_mcp-client.ts http://localhost:8000
 *
 * The name starts with `_`, so that `--tasks examples` does not take it for task types.
 */
import { Client, StreamableHTTPClientTransport, type Transport } from '@modelcontextprotocol/client'
import {
  createTaskSessionFromClient,
  resultFromTaskOutcome,
  type TaskEnabledSession,
} from '@modelcontextprotocol/ext-tasks/client'

const protocolVersion = '2026-07-28'
const clientInfo = { name: 'example-agent', version: '1.0.0' }
const tasks = { extensions: { 'io.modelcontextprotocol/tasks': {} } }

/** A client of the server that this transport leads to, and its session with the tasks extension. */
export async function connected(
  transport: Transport,
): Promise<Readonly<{ client: Client; session: TaskEnabledSession }>> {
  const client = new Client(clientInfo, {
    capabilities: tasks,
    versionNegotiation: { mode: { pin: protocolVersion } },
  })
  await client.connect(transport)
  const session = createTaskSessionFromClient(client, {
    endpointId: 'fermata',
    rawDispatch: dispatcher(transport),
    v2RequestFraming: { protocolVersion, clientInfo, clientCapabilities: tasks },
  })
  return { client, session }
}

type Session = Parameters<typeof createTaskSessionFromClient>[1]
type Dispatch = NonNullable<Session['rawDispatch']>
type Answer = Awaited<ReturnType<Dispatch>>
type Message = Readonly<{ id?: unknown; result?: unknown; error?: unknown }>

/** Sends requests that the client itself does not know yet, beside those that it sends. */
function dispatcher(transport: Transport): Dispatch {
  const pending = new Map<string, (answer: Answer) => void>()
  const others = transport.onmessage?.bind(transport)
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a transport has no other way
  transport.onmessage = (message, extra) => {
    const { id, result, error } = message as Message
    const resolve = pending.get(String(id))
    if (resolve === undefined) return others?.(message, extra)
    pending.delete(String(id))
    resolve((error === undefined ? { kind: 'result', result } : { kind: 'error', error }) as Answer)
  }
  let last = 0
  return (request) =>
    new Promise((resolve, reject) => {
      const id = `task-${(last += 1)}`
      pending.set(id, resolve)
      const message = { jsonrpc: '2.0', id, ...(request as object) } as Parameters<Transport['send']>[0]
      transport.send(message).catch((error: unknown) => {
        pending.delete(id)
        reject(error)
      })
    })
}

async function run(url: string): Promise<void> {
  const key = process.env['FERMATA_API_KEY']
  const requestInit = key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } }
  const { client, session } = await connected(
    new StreamableHTTPClientTransport(new URL('/mcp', url), { requestInit }),
  )
  const call = async (name: string, given: Record<string, unknown>) =>
    JSON.stringify((await client.callTool({ name, arguments: given })).structuredContent)

  const { tools } = await client.listTools()
  console.log(`tools: ${tools.map(({ name }) => name).join(', ')}`)

  const execution = await session.callTool('long', { duration: 3, steps: 30 })
  if (execution.kind !== 'task') throw new Error('the server returned no task')
  const id = execution.handle.taskId
  console.log(`started ${id}`)
  console.log('pause:', await call('pause_task', { task_id: id, reason: 'lunch' }))
  console.log('while paused:', (await session.task(id).snapshot()).statusMessage)
  console.log('resume:', await call('resume_task', { task_id: id }))
  const { outcome } = await execution.settle()
  console.log('result:', JSON.stringify(resultFromTaskOutcome(outcome)))
  await session.close()
  await client.close()
}

if (import.meta.main) await run(process.argv[2] ?? 'http://localhost:8000')
