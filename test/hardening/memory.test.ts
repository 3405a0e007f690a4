import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { TestServer } from '../support/server.ts'
import { head, open } from './bare.ts'

/** Resident memory that a server with a heap of 256 MB may come to, in megabytes. */
const most = 400

const fixtures = new URL('../fixtures/large-result.ts', import.meta.url).pathname
const start = (slots: number) =>
  TestServer.start({
    env: {
      NODE_OPTIONS: '--max-old-space-size=256',
      FERMATA_MAX_CONCURRENT: String(slots),
      FERMATA_TASKS: fixtures,
    },
  })

/** The most memory that a server ever had, in megabytes, as its kernel counts it. */
async function peakOf(server: TestServer): Promise<number> {
  const status = await readFile(`/proc/${server.pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1_024
}

test('200 readers of a large result that stall cost little, and do not keep others from reading', async () => {
  await using server = await start(1)
  const api = new Api(server.url)
  const id = await api.submit('large-result', { megabytes: 9 })
  await api.untilStatus(id, 'completed')
  const sockets: Socket[] = []
  for (let reader = 0; reader < 200; reader++) {
    const socket = await open(server.port)
    socket.pause()
    socket.write(head(`GET /api/task/${id}/result`))
    sockets.push(socket)
  }
  // The rest waits for room, or was told to come back: both without a copy.
  await sleep(2_000)
  const end = Date.now() + 60_000
  let read = 0
  while (read < 9_000_000 && Date.now() < end) {
    const answer = await fetch(`${server.url}/api/task/${id}/result`)
    const text = await answer.text()
    if (answer.status === 200) read = text.length
  }
  expect(read).toBeGreaterThan(9_000_000)
  expect(await peakOf(server)).toBeLessThan(most)
  const closed = sockets.filter(({ destroyed }) => !destroyed).map((socket) => once(socket, 'close'))
  for (const socket of sockets) socket.destroy()
  await Promise.all(closed)
})
