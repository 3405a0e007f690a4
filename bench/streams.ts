import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { median } from './measure.ts'
import { temporaryFolder } from './place.ts'
import { listening } from './server.ts'

/**
 * `npm run bench:streams`: what a task costs the server while 2,000 clients follow all changes, beside what it costs without them, in turn on
 * one server. A third process holds the clients, which read everything and discard it.
 */
const rounds = 7
const batch = 2_000
const clients = 2_000
const ticksPerSecond = 100

const [role, port] = process.argv.slice(2)
if (role === 'clients') {
  for (let count = 0; count < clients; count++) {
    const socket = connect(Number(port), '127.0.0.1').resume()
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    socket.write('GET /api/events HTTP/1.1\r\nhost: localhost\r\n\r\n')
    // Its first byte says that the server listens for it.
    await once(socket, 'data')
  }
  process.send?.('ready')
  await once(process, 'disconnect')
  process.exit(0)
}

/** Seconds of processor time of a process so far. */
function processor(pid: number): number {
  const [, after = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')
  const fields = after.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

type Cost = Readonly<{ speed: number; processor: number }>

async function drained(url: string, pid: number): Promise<Cost> {
  const tasks = Array.from({ length: batch }, () => ({ parameters: { a: 2, b: 3 } }))
  const body = JSON.stringify({ tasks })
  const headers = { 'content-type': 'application/json' }
  const before = processor(pid)
  const began = performance.now()
  const answer = await fetch(`${url}/api/run/add/batch`, { method: 'POST', headers, body })
  const { task_ids: ids } = (await answer.json()) as { task_ids: string[] }
  for (;;) {
    const last = (await (await fetch(`${url}/api/task/${ids.at(-1)}/status`)).json()) as { status: string }
    if (last.status === 'completed') break
    await sleep(10)
  }
  const seconds = (performance.now() - began) / 1_000
  return { speed: batch / seconds, processor: ((processor(pid) - before) / batch) * 1_000_000 }
}

using folder = temporaryFolder()
const server = spawn(process.execPath, [join(import.meta.dirname, '../src/main.ts'), 'serve'], {
  env: {
    PATH: process.env['PATH'],
    PORT: '0',
    DATABASE_URL: `sqlite:${folder.file('streams.db')}`,
    FERMATA_MAX_CONCURRENT: '100',
    FERMATA_DRAIN: '1s',
  },
  stdio: ['ignore', 'pipe', 'ignore'],
})
try {
  const url = await listening(server.stdout)
  const pid = server.pid ?? 0
  const found: { without: Cost; with: Cost }[] = []
  for (let round = -1; round < rounds; round++) {
    const without = await drained(url, pid)
    const listeners = fork(import.meta.filename, ['clients', new URL(url).port])
    await once(listeners, 'message')
    const pair = { without, with: await drained(url, pid) }
    listeners.disconnect()
    await once(listeners, 'exit')
    if (round >= 0) found.push(pair)
  }
  const of = (side: 'with' | 'without', what: keyof Cost) =>
    Math.round(median(found.map((pair) => pair[side][what])))
  const ratio = (what: keyof Cost) => median(found.map((pair) => pair.with[what] / pair.without[what]))
  console.log(`| ${clients} clients | none | with them | ratio |\n|---|--:|--:|--:|`)
  console.log(
    `| tasks/s | ${of('without', 'speed')} | ${of('with', 'speed')} | ${ratio('speed').toFixed(2)} |`,
  )
  console.log(
    `| µs of processor a task | ${of('without', 'processor')} | ${of('with', 'processor')} | ${ratio('processor').toFixed(2)} |`,
  )
} finally {
  server.kill('SIGTERM')
  if (server.exitCode === null) await once(server, 'close')
}
