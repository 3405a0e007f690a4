import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import { expect, test } from 'vitest'
import { memoryOf, openFiles } from '../support/process.ts'
import { TestServer } from '../support/server.ts'
import { head, open, send } from './bare.ts'

/** Response times of well-behaved callers, in milliseconds. */
async function probe(url: string, seconds: number): Promise<{ count: number; p50: number; p99: number }> {
  const pool = new Pool(url, { connections: 8 })
  const waits: number[] = []
  const end = performance.now() + seconds * 1_000
  const body = JSON.stringify({ parameters: { a: 1, b: 2 } })
  const submit = {
    method: 'POST',
    path: '/api/run/add',
    headers: { 'content-type': 'application/json' },
    body,
  }
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      while (performance.now() < end) {
        const began = performance.now()
        const { statusCode, body: answer } = await pool.request(submit)
        const { task_id: id } = (await answer.json()) as { task_id: string }
        expect(statusCode).toBe(200)
        const status = await pool.request({ method: 'GET', path: `/api/task/${id}/status` })
        await status.body.dump()
        expect(status.statusCode).toBe(200)
        waits.push(performance.now() - began)
        await sleep(5)
      }
    }),
  )
  await pool.close()
  waits.sort((a, b) => a - b)
  const at = (share: number) => waits[Math.floor(waits.length * share)] ?? 0
  return { count: waits.length, p50: at(0.5), p99: at(0.99) }
}

test('thousands of idle connections and slow or broken clients do not affect others', async () => {
  await using server = await TestServer.start()
  const { port, pid, url } = server
  await probe(url, 1)
  const alone = await probe(url, 2)
  const small = await memoryOf(pid)

  const crowd = Math.min(5_000, Math.floor((await openFiles()) / 2) - 500)
  const idle: Socket[] = []
  while (idle.length < crowd) {
    idle.push(...(await Promise.all(Array.from({ length: 100 }, () => open(port)))))
  }
  const beside = await probe(url, 2)
  const large = await memoryOf(pid)

  const slow = await Promise.all(Array.from({ length: 200 }, () => open(port)))
  for (const [at, socket] of slow.entries()) {
    const start = at % 2 === 0 ? 'GET /api HTTP/1.1\r\nhost: localhost\r\n' : post
    socket.write(start)
  }
  const dribble = setInterval(() => {
    for (const socket of slow) if (socket.writable) socket.write('x: y\r\n')
  }, 100)
  let broken = 0
  const breaking = setInterval(() => {
    void send(port, garbage, { listen: 200 }).then(() => (broken += 1))
  }, 20)
  const attacked = await probe(url, 3)
  clearInterval(dribble)
  clearInterval(breaking)

  console.log(
    `crowd: ${idle.length} idle connections; a submit and a read in ms, p50 and p99: ` +
      [alone, beside, attacked].map(({ p50, p99 }) => `${p50.toFixed(1)} ${p99.toFixed(1)}`).join(', then ') +
      ` beside 200 slow and ${broken} broken clients; memory ${small} to ${large} MB`,
  )
  expect(large - small).toBeLessThan(200)
  // All calls were answered, and the median caller did not wait. The slowest depends on the machine.
  for (const { p50 } of [beside, attacked]) expect(p50).toBeLessThan(Math.max(10 * alone.p50, 2_000))
  for (const socket of [...idle, ...slow]) socket.destroy()
  const { code, stdout } = await server.stop()
  expect(code).toBe(0)
  expect(stdout).not.toMatch(/"level":[56]0/)
})

const post = head('POST /api/run/add', { 'content-type': 'application/json', 'content-length': 1_000_000 })
const garbage = Buffer.from('\u0000\u0001 not http \r\n\r\n'.repeat(1_000), 'latin1')
