import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Pool } from 'undici'
import { median, throughput } from './measure.ts'
import { temporaryFolder } from './place.ts'
import { listening } from './server.ts'

/**
 * `npm run bench:keys`: requests with an API key beside the same without keys. Both servers run all the time and are asked in turn, in short
 * rounds with equal traffic, because the speed of a machine drifts by more than the difference. A submit with a key also writes
 * its entry of the audit log.
 */
const rounds = 30
const administrator = 'the-key-of-the-administrator-of-this-server'
const json = { 'content-type': 'application/json' }
const parameters = JSON.stringify({ parameters: { a: 2, b: 3 } })

type Headers = Readonly<Record<string, string>>
type Call = Readonly<{ method: 'GET' | 'POST'; path: string; body?: string }>

/** A server in a process of its own, and pools of keep-alive connections to it. */
async function server(file: string, env: Headers, headersOf: (url: string) => Promise<Headers>) {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../src/main.ts'), 'serve'], {
    env: {
      PATH: process.env['PATH'],
      PORT: '0',
      DATABASE_URL: `sqlite:${file}`,
      FERMATA_MAX_CONCURRENT: '0',
      FERMATA_DRAIN: '1s',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const url = await listening(child.stdout)
  const headers = await headersOf(url)
  const pools = new Map([1, 50].map((size) => [size, new Pool(url, { connections: size, pipelining: 1 })]))
  const ask = async (connections: number, call: Call): Promise<unknown> => {
    const pool = pools.get(connections) as Pool
    const { statusCode, body } = await pool.request({ ...call, headers })
    const answer = await body.text()
    if (statusCode !== 200) throw new Error(`${call.path} answered ${statusCode}: ${answer}`)
    return JSON.parse(answer)
  }
  const { task_id: id } = (await ask(1, submit)) as { task_id: string }
  return {
    ask,
    status: { method: 'GET', path: `/api/task/${id}/status` } as Call,
    async [Symbol.asyncDispose]() {
      for (const pool of pools.values()) await pool.close()
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'close')
    },
  }
}

const submit: Call = { method: 'POST', path: '/api/run/add', body: parameters }

async function newKey(url: string): Promise<Headers> {
  const answer = await fetch(`${url}/api/keys`, {
    method: 'POST',
    headers: { ...json, authorization: `Bearer ${administrator}` },
    body: JSON.stringify({ name: 'bench', scopes: ['read', 'run'] }),
  })
  const { key } = (await answer.json()) as { key: string }
  return { ...json, authorization: `Bearer ${key}` }
}

using folder = temporaryFolder()
await using open = await server(folder.file('open.db'), {}, () => Promise.resolve(json))
await using keyed = await server(folder.file('keyed.db'), { FERMATA_ADMIN_KEY: administrator }, newKey)

console.log('| requests | connections | with a key/s | without keys/s | ratio |\n|---|--:|--:|--:|--:|')
for (const [what, connections, count] of [
  ['status reads', 1, 1_000],
  ['submits', 1, 200],
  ['status reads', 50, 2_000],
  ['submits', 50, 2_000],
] as const) {
  const speed = (side: typeof open) =>
    throughput(count, connections, () => side.ask(connections, what === 'submits' ? submit : side.status))
  const found: { with: number; without: number }[] = []
  for (let round = -4; round < rounds; round++) {
    // Neither is always the first; the first rounds warm both up.
    const first = await speed(round % 2 === 0 ? keyed : open)
    const second = await speed(round % 2 === 0 ? open : keyed)
    const pair = round % 2 === 0 ? { with: first, without: second } : { with: second, without: first }
    if (round >= 0) found.push(pair)
  }
  const columns = [
    what,
    connections,
    Math.round(median(found.map((pair) => pair.with))),
    Math.round(median(found.map((pair) => pair.without))),
    median(found.map((pair) => pair.with / pair.without)).toFixed(3),
  ]
  console.log(`| ${columns.join(' | ')} |`)
}
