import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { programEnv, TestServer } from '../support/server.ts'

const main = join(import.meta.dirname, '../../src/main.ts')
const fixtures = join(import.meta.dirname, '../fixtures/terminal.ts')

test('Ctrl+C in a terminal reaches every process of the server, and it still drains without losing anything', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'fermata-terminal-'))
  const env = { DATABASE_URL: `sqlite:${join(directory, 'fermata.db')}` }
  // A separate process group simulates the foreground group of a terminal.
  const server = spawn(process.execPath, [main, 'serve', '--tasks', fixtures], {
    env: { ...programEnv, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  let url = ''
  for await (const line of createInterface({ input: server.stdout })) {
    url = (JSON.parse(line) as { url?: string }).url ?? ''
    if (url !== '') break
  }
  server.stdout.resume()
  const api = new Api(url)
  const ids = [await api.submit('counting-thread', {}), await api.submit('counting-command', {})]
  for (const id of ids) await api.until(id, ({ progress }) => (progress?.current ?? 0) > 0)
  const ended = new Promise((resolve) => server.once('exit', resolve))
  process.kill(-(server.pid ?? 0), 'SIGINT')
  expect(await ended).toBe(0)

  await using again = await TestServer.start({ env: { ...env, FERMATA_MAX_CONCURRENT: '0' } })
  for (const id of ids) {
    const { status, crashes, timeline } = await new Api(again.url).details(id)
    expect({ status, crashes, last: timeline.at(-1)?.event }).toEqual({
      status: 'queued',
      crashes: 0,
      last: 'released',
    })
  }
  rmSync(directory, { recursive: true, force: true })
})
