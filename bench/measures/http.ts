import autocannon from 'autocannon'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Measure } from '../measure.ts'
import { temporaryFolder } from '../place.ts'
import { listening } from '../server.ts'

const connections = 50
const seconds = 5
const body = JSON.stringify({ parameters: { a: 2, b: 3 } })
const json = { 'content-type': 'application/json' }

type Headers = Readonly<Record<string, string>>
type Work = (url: string) => Promise<autocannon.Result>

const submits: Work = (url) =>
  autocannon({
    url: `${url}/api/run/add`,
    method: 'POST',
    headers: json,
    body,
    connections,
    duration: seconds,
  })

const reads: Work = async (url) => {
  const submitted = await fetch(`${url}/api/run/add`, { method: 'POST', headers: json, body })
  const { task_id: id } = (await submitted.json()) as { task_id: string }
  return autocannon({ url: `${url}/api/task/${id}/status`, headers: json, connections, duration: seconds })
}

export const httpSubmits: Measure = {
  name: 'HTTP submits, 50 connections',
  aim: 12_000,
  beside: 'Fastify, zod and the bare inserts',
  ours: () => withOurs(submits),
  limit: () => withServer([join(import.meta.dirname, '../servers/bare.ts')], {}, submits),
}

export const httpReads: Measure = {
  name: 'HTTP status reads, 50 connections',
  aim: 20_000,
  beside: 'Fastify and one bare select',
  ours: () => withOurs(reads),
  limit: () => withServer([join(import.meta.dirname, '../servers/bare.ts')], {}, reads),
}

const key = 'the-key-of-the-administrator-of-this-server'

/** Headers with a new key, as an administrator creates one. */
async function withNewKey(url: string, draft: object): Promise<Headers> {
  const created = await fetch(`${url}/api/keys`, {
    method: 'POST',
    headers: { ...json, authorization: `Bearer ${key}` },
    body: JSON.stringify({ name: 'bench', scopes: ['read', 'run'], ...draft }),
  })
  const { key: own } = (await created.json()) as { key: string }
  return { ...json, authorization: `Bearer ${own}` }
}

/** Calls with a key; `rate`: its limit, which is never reached. */
const limited =
  (rate: object | null): Work =>
  async (url) =>
    autocannon({
      url: `${url}/api/me`,
      headers: await withNewKey(url, { rate_limit: rate }),
      connections,
      duration: seconds,
    })

export const httpRateLimit: Measure = {
  name: 'HTTP calls with a rate limit, 50 connections',
  aim: 20_000,
  beside: 'the same without a limit',
  ours: () => withOurs(limited({ limit: 1_000_000, per: 1 }), { FERMATA_ADMIN_KEY: key }),
  limit: () => withOurs(limited(null), { FERMATA_ADMIN_KEY: key }),
}

async function withOurs(work: Work, settings: Record<string, string> = {}): Promise<number> {
  using there = temporaryFolder()
  const env = {
    PORT: '0',
    DATABASE_URL: `sqlite:${there.file('ours.db')}`,
    FERMATA_MAX_CONCURRENT: '0',
    FERMATA_DRAIN: '1s',
    ...settings,
  }
  return await withServer([join(import.meta.dirname, '../../src/main.ts'), 'serve'], env, work)
}

/** Requests per second answered by a server in a separate process. */
async function withServer(args: readonly string[], env: Record<string, string>, work: Work): Promise<number> {
  const server = spawn(process.execPath, args, {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const result = await work(await listening(server.stdout))
    if (result.non2xx > 0 || result.errors > 0) {
      throw new Error(`${result.non2xx} answers were no success, ${result.errors} requests failed`)
    }
    console.error(`p50 ${result.latency.p50} ms, p99 ${result.latency.p99} ms`)
    return result.requests.average
  } finally {
    server.kill('SIGTERM')
    await new Promise((resolve) => {
      server.once('close', resolve)
    })
  }
}
