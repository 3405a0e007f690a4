import type { z } from 'zod'
import { ProblemBody, type DetailsBody, type StatusBody } from '../../src/contract/answers.ts'
import type { Route } from '../../src/contract/route.ts'
import { routes } from '../../src/contract/routes.ts'
import { aMinute, beforeNextPoll } from './until.ts'

export type Answer = Readonly<{
  status: number
  headers: Headers
  text: string
  body: Record<string, unknown>
}>
export type StatusOf = z.output<typeof StatusBody>
export type DetailsOf = z.output<typeof DetailsBody>

/** A client as a user would write it with fetch. Every response is checked against the contract. */
export class Api {
  readonly base: string

  constructor(base: string) {
    this.base = base
  }

  async call(method: string, path: string, init: RequestInit = {}): Promise<Answer> {
    const response = await fetch(`${this.base}${path}`, { method, ...init })
    const text = await response.text()
    const media = response.headers.get('content-type') ?? ''
    const body: unknown = media.includes('json') && text !== '' ? JSON.parse(text) : undefined
    if (response.headers.get('x-request-id') === null) throw new Error(`no request id: ${method} ${path}`)
    holdAgainstContract(method, path, { status: response.status, media, body, text })
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: (body ?? {}) as Record<string, unknown>,
    }
  }

  post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.call('POST', path, {
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
  }

  async submit(type: string, parameters: object, options: object = {}): Promise<string> {
    const { status, text, body } = await this.post(`/api/run/${type}`, {
      parameters,
      ...options,
    })
    if (status !== 200) throw new Error(`the submit of ${type} was answered with ${status}: ${text}`)
    return String(body['task_id'])
  }

  async status(id: string): Promise<StatusOf> {
    return (await this.call('GET', `/api/task/${id}/status`)).body as StatusOf
  }

  async details(id: string): Promise<DetailsOf> {
    return (await this.call('GET', `/api/task/${id}`)).body as DetailsOf
  }

  /**
   * Like clients of the reference service: with a content type and no body. It waits for its effect as long as it may: the
   * default is what a user would wait, and not enough on a busy machine.
   */
  control(id: string, name: 'pause' | 'resume' | 'retry' | 'cancel', query = '?wait=60'): Promise<Answer> {
    const headers = { 'content-type': 'application/json' }
    return name === 'cancel'
      ? this.call('DELETE', `/api/task/${id}${query}`, { headers })
      : this.call('POST', `/api/task/${id}/${name}${query}`, { headers })
  }

  /** Polls until the status passes; throws with the last one after a minute. */
  async until(id: string, passes: (status: StatusOf) => boolean): Promise<StatusOf> {
    const began = performance.now()
    for (;;) {
      const status = await this.status(id)
      if (passes(status)) return status
      if (performance.now() - began > aMinute) throw new Error(`waited in vain: ${JSON.stringify(status)}`)
      await beforeNextPoll(began)
    }
  }

  untilStatus(id: string, ...statuses: readonly string[]): Promise<StatusOf> {
    return this.until(id, ({ status }) => statuses.includes(status))
  }
}

const described = Object.values<Route>(routes).map((route) => ({
  ...route,
  pattern: new RegExp(`^${route.path.replaceAll(/\{\w+\}/g, '[^/?]+')}(?:\\?.*)?$`),
}))

type Received = Readonly<{ status: number; media: string; body: unknown; text: string }>

function holdAgainstContract(method: string, path: string, { status, media, body, text }: Received): void {
  const place = `${method} ${path} answered ${status} ${text.slice(0, 500)}`
  if (status >= 500 && status !== 503) throw new Error(`a fault of the server: ${place}`)
  if (status >= 400) {
    if (!media.startsWith('application/problem+json')) throw new Error(`not a problem document: ${place}`)
    const problem = ProblemBody.parse(body)
    if (problem.status !== status) throw new Error(`another status in the body: ${place}`)
    return
  }
  const route = described.find((route) => route.method === method && route.pattern.test(path))
  if (route === undefined && status < 300 && path.startsWith('/api'))
    throw new Error(`no such route: ${place}`)
  if (status === 202 && route?.answer.accepted !== undefined) return
  if (status === 202 && route?.answer.later === undefined) throw new Error(`202 is not announced: ${place}`)
  if (route?.answer.schema === undefined || (status !== 200 && status !== 202)) return
  const parsed = route.answer.schema.safeParse(body)
  if (!parsed.success) throw new Error(`not as the contract says: ${place}\n${parsed.error.message}`)
}
