import { spawn } from 'node:child_process'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { temporaryFolder } from './place.ts'
import { listening } from './server.ts'

/**
 * `npm run bench:workers`: what idle remote workers cost a server, how long a task takes to reach a waiting worker, and how many
 * tasks a second go through 20 workers. All over HTTP, with the server in a process of its own, on an embedded SQLite.
 */
const idle = 1_000
const idleWait = 30
const watched = 60
const submits = 300
const workers = 20
const atOnce = 16
const tasks = 20_000

const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })

function call<T>(url: string, body?: object): Promise<T> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? '' : JSON.stringify(body)
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
    const method = body === undefined ? 'GET' : 'POST'
    const sent = request(url, { agent, method, headers: body === undefined ? {} : headers }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () => {
        const answer = Buffer.concat(parts).toString()
        if (response.statusCode !== 200) reject(new Error(`${url}: ${response.statusCode} ${answer}`))
        else resolve((method === 'GET' ? answer : JSON.parse(answer)) as T)
      })
    })
    sent.on('error', reject)
    sent.end(text)
  })
}

type Claims = Readonly<{ tasks: readonly Readonly<{ task_id: string; lease_token: string }>[] }>

const register = (url: string, worker: string, type: string) =>
  call(`${url}/api/worker/register`, { worker, types: [{ type, pause: 'none' }] })
const claim = (url: string, worker: string, max: number, wait: number) =>
  call<Claims>(`${url}/api/worker/claim`, { worker, max, wait })
const complete = (url: string, token: string) =>
  call(`${url}/api/worker/complete`, { lease_token: token, result: null })

/** Processor seconds of the server since its start. */
async function processorSeconds(url: string): Promise<number> {
  const text = await call<string>(`${url}/metrics`)
  return Number(/^fermata_process_cpu_seconds_total (\S+)/m.exec(text)?.[1])
}

async function share(url: string): Promise<number> {
  const before = await processorSeconds(url)
  const began = performance.now()
  await sleep(watched * 1_000)
  const seconds = (performance.now() - began) / 1_000
  return ((await processorSeconds(url)) - before) / seconds
}

async function idleShare(url: string): Promise<readonly [number, number]> {
  await sleep(5_000)
  const alone = await share(url)
  let over = false
  for (let number = 0; number < idle; number++) await register(url, `idle-${number}`, 'nothing')
  const waiting = Array.from({ length: idle }, async (_, number) => {
    await sleep((number / idle) * idleWait * 1_000)
    while (!over) await claim(url, `idle-${number}`, 1, idleWait)
  })
  await sleep(idleWait * 1_000)
  const withWorkers = await share(url)
  over = true
  await Promise.all(waiting)
  return [alone, withWorkers]
}

async function claimLatencies(url: string): Promise<number[]> {
  await register(url, 'waits', 'echo')
  const latencies: number[] = []
  for (let count = 0; count < submits; count++) {
    const claimed = claim(url, 'waits', 1, 60)
    await sleep(10)
    const began = performance.now()
    await call(`${url}/api/run/echo`, { parameters: {} })
    const [task] = (await claimed).tasks
    latencies.push(performance.now() - began)
    await complete(url, task!.lease_token)
  }
  return latencies.sort((a, b) => a - b)
}

async function drain(url: string): Promise<number> {
  for (let number = 0; number < workers; number++) await register(url, `drains-${number}`, 'noop')
  for (let sent = 0; sent < tasks; sent += 1_000) {
    const list = Array.from({ length: 1_000 }, () => ({ parameters: {} }))
    await call(`${url}/api/run/noop/batch`, { tasks: list })
  }
  let left = tasks
  const began = performance.now()
  const worker = async (_: unknown, number: number) => {
    while (left > 0) {
      const { tasks: claimed } = await claim(url, `drains-${number}`, atOnce, 0)
      await Promise.all(claimed.map(({ lease_token: token }) => complete(url, token)))
      left -= claimed.length
    }
  }
  await Promise.all(Array.from({ length: workers }, worker))
  return (tasks / (performance.now() - began)) * 1_000
}

using folder = temporaryFolder()
const server = spawn(process.execPath, [join(import.meta.dirname, '../src/main.ts'), 'serve'], {
  env: {
    PATH: process.env['PATH'],
    PORT: '0',
    DATABASE_URL: `sqlite:${folder.file('workers.db')}`,
    FERMATA_DRAIN: '1s',
    FERMATA_MAX_QUEUED: String(2 * tasks),
  },
  stdio: ['ignore', 'pipe', 'inherit'],
})
try {
  const url = await listening(server.stdout)
  const sorted = await claimLatencies(url)
  const at = (part: number) => (sorted[Math.floor(sorted.length * part)] ?? 0).toFixed(1)
  console.log(`from submit to a waiting worker: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`)
  console.log(`through ${workers} workers: ${Math.round(await drain(url))} tasks/s`)
  const [alone, withWorkers] = await idleShare(url)
  const percent = (part: number) => `${(part * 100).toFixed(2)}% of a core`
  console.log(`idle server: ${percent(alone)}; with ${idle} idle workers: ${percent(withWorkers)}`)
} finally {
  server.kill('SIGTERM')
}
process.exit(0)
