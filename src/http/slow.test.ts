import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { fakeManager, runningRecord } from '../../test/support/fake-manager.ts'
import type { TaskManagerApi } from '../engine/api.ts'
import { createServer } from './server.ts'

const ignore = () => undefined
const logger = { level: 'info', debug: ignore, info: ignore, warn: ignore, error: ignore }

let close: (() => Promise<unknown>) | undefined
afterEach(() => close?.())

async function open(
  does: Partial<TaskManagerApi> = {},
): Promise<Readonly<{ socket: Socket; gone: Promise<unknown> }>> {
  const app = await createServer({
    manager: fakeManager(does),
    version: '1',
    logger,
    patience: { head: 100, request: 200, idle: 400 },
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  close = () => app.close()
  const gone = new Promise((resolve) => {
    app.server.once('connection', (connection: Socket) => connection.once('close', resolve))
  })
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  socket.on('error', ignore)
  await once(socket, 'connect')
  return { socket, gone }
}

async function all(socket: Socket): Promise<string> {
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

test.each([
  ['that says nothing', ''],
  ['that never ends its headers', 'GET /api HTTP/1.1\r\nhost: localhost\r\n'],
  [
    'that never ends its body',
    'POST /api/run/add HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{',
  ],
])('a client %s is told so, and its connection is closed', async (_, bytes) => {
  const { socket } = await open()
  const dribble = setInterval(() => socket.write(bytes === '' ? '' : 'x'), 20)
  socket.write(bytes)
  const text = await all(socket)
  clearInterval(dribble)
  expect(text).toContain('HTTP/1.1 408 ')
  expect(text).toContain('REQUEST_TIMEOUT')
})

test('a client that does not read its response loses its connection', async () => {
  const parameters = JSON.stringify({ pad: 'x'.repeat(50_000_000) })
  const { socket, gone } = await open({ brief: async () => ({ ...runningRecord, parameters }) })
  socket.write(`GET /api/task/${runningRecord.task.id}/status HTTP/1.1\r\nhost: localhost\r\n\r\n`)
  socket.pause()
  await gone
  expect(socket.bytesRead).toBeLessThan(parameters.length)
  socket.destroy()
})
