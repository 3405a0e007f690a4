import { FermataError, isFermataError, type Fermata, type TypeDetails } from '../../client/index.ts'
import { everything, masked, pointerOf, type Pointer } from '../../core/redaction.ts'
import type { OpenWait, TaskServer } from '../../mcp/task-server.ts'
import type { Action } from '../perform.ts'

/** Milliseconds for which the types of the server are relied on. */
const freshFor = 10_000

export const mcp: Action = async (session) => {
  const { serveOnStdio } = await import('../../mcp/stdio.ts')
  session.last()
  await serveOnStdio(taskServer(session.client))
}

/** A running server as the tools use it. */
function taskServer(client: Fermata): TaskServer {
  const me = kept(() => client.getMe(), Number.POSITIVE_INFINITY)
  const types = kept(() => client.listTypes(), freshFor)
  /** The task without sensitive values, which a key with the scope `admin` would show. */
  const shown = async <Body extends Documents>(body: Body): Promise<Body> => {
    const { task_details: known } = await types()
    const type = body.task_type
    const hidden = type !== undefined && Object.hasOwn(known, type) ? sensitiveOf(known[type]!) : everything
    const hide = (part: Part) =>
      body[part] === undefined || body[part] === null ? {} : { [part]: masked(body[part], hidden[part]) }
    return { ...body, ...hide('parameters'), ...hide('checkpoint'), ...hide('result') }
  }

  return {
    caller: me,
    types: async () => Object.values((await types()).task_details),
    submit: (type, draft) => client.submitTask(type, draft),
    status: async (id) => shown(await client.getTaskStatus(id)),
    async result(id, seconds, signal) {
      try {
        return await shown(await client.getTaskResult(id, { wait: seconds, signal }))
      } catch (error) {
        if (isFermataError(error, 'RESULT_NOT_READY')) return undefined
        throw error
      }
    },
    details: async (id) => shown(await client.getTask(id)),
    async list({ fields, ...query }) {
      const page = await client.listTasks({
        ...query,
        fields: [...new Set([...fields, 'task_type'] as const)],
      })
      return { ...page, tasks: await Promise.all(page.tasks.map(shown)) }
    },
    control(name, id, { from, ...options }) {
      switch (name) {
        case 'pause':
          return client.pauseTask(id, options)
        case 'resume':
          return client.resumeTask(id, options)
        case 'cancel':
          return client.cancelTask(id, options)
        case 'retry':
          return client.retryTask(id, { ...options, ...(from === undefined ? {} : { from }) })
      }
    },
    explain: (id) => client.explainTask(id),
    log: (id, after, limit) => client.getTaskLog(id, { after, limit }),
    stats: () => client.getStats(),
    async waits(id) {
      const open: OpenWait[] = []
      for await (const { name, occurrence, schema, message, status } of client.handle(id).waits())
        if (status === 'open') open.push({ name, occurrence, schema, message })
      return open
    },
    async answer(id, { name, occurrence }, answer, options) {
      if (occurrence === undefined) return void (await client.answerTask(id, name, answer, options))
      for await (const wait of client.handle(id).waits())
        if (wait.name === name && wait.occurrence === occurrence && wait.token !== null)
          return void (await client.answerWait(wait.token, answer, options))
      const detail = `The task has not come to use ${occurrence} of the wait ${JSON.stringify(name)}.`
      throw new FermataError('WAIT_UNKNOWN', detail)
    },
    refusal(error) {
      if (!isFermataError(error)) return { code: 'INTERNAL', detail: String(error) }
      const { code, detail, errors } = error
      return { code, detail, ...(errors.length === 0 ? {} : { issues: errors }) }
    },
  }
}

type Part = 'parameters' | 'checkpoint' | 'result'
type Documents = Readonly<{
  task_type?: string
  parameters?: unknown
  checkpoint?: unknown
  result?: unknown
}>

function sensitiveOf({ sensitive }: TypeDetails): Readonly<Record<Part, readonly Pointer[]>> {
  const pointers = (texts: readonly string[]) => texts.map((text) => pointerOf(text) ?? [])
  return {
    parameters: pointers(sensitive.parameters),
    checkpoint: pointers(sensitive.checkpoint),
    result: pointers(sensitive.result),
  }
}

/** What was loaded last, unless it is older than so many milliseconds. */
function kept<T>(load: () => Promise<T>, ms: number): () => Promise<T> {
  let last: Readonly<{ value: T; at: number }> | undefined
  return async () => {
    const now = performance.now()
    if (last === undefined || now - last.at > ms) last = { value: await load(), at: now }
    return last.value
  }
}
