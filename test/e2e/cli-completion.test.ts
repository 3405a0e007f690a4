import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { Screen } from '../support/screen.ts'
import { run, TestServer } from '../support/server.ts'

const main = join(import.meta.dirname, '../../src/main.ts')
let server: TestServer
let api: Api
let folder: string
beforeAll(async () => {
  server = await TestServer.start()
  api = new Api(server.url)
  folder = mkdtempSync(join(tmpdir(), 'fermata-completion-'))
  writeFileSync(join(folder, 'fermata'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`, {
    mode: 0o755,
  })
})
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await server[Symbol.asyncDispose]()
})

/** A bash with the completion loaded, as a user would load it. */
async function bash(): Promise<Screen> {
  const screen = new Screen([], {
    command: ['bash', '--norc', '--noprofile', '-i'],
    columns: 120,
    rows: 40,
    env: {
      FERMATA_URL: server.url,
      PATH: `${folder}:${process.env['PATH'] ?? ''}`,
      PS1: '> ',
      TERM: 'xterm',
    },
  })
  await screen.until((text) => text.includes('>'))
  screen.type('eval "$(fermata completion bash)"; echo load""ed\r')
  await screen.until((text) => text.includes('loaded'))
  return screen
}

test('a real bash completes commands, types, their flags, statuses and live ids', async () => {
  const paused = await api.submit('long', { duration: 100 })
  await api.control(paused, 'pause')
  await api.submit('long', { duration: 100 }, { delay: 3_600 })
  await using screen = await bash()
  const completes = async (typed: string, whole: string) => {
    screen.type(`\u0015${typed}\t`)
    await screen.until((text) => text.trimEnd().endsWith(whole))
  }
  await completes('fermata expl', '> fermata explain')
  await completes('fermata run lo', '> fermata run long')
  await completes('fermata run long --st', '> fermata run long --steps')
  await completes('fermata list --status sch', '> fermata list --status scheduled')
  await completes('fermata retry --from st', '> fermata retry --from start')
  // Only one task is paused, so its id is completed.
  await completes('fermata resume ', `> fermata resume ${paused}`)
  screen.type('\u0015fermata run \t\t')
  await screen.until((text) => /add +fib +long/.test(text))
  screen.type('\u0015exit\r')
  expect(await screen.ended).toBe(0)
})

test('files are completed where they belong, and nothing is printed without a server', async () => {
  writeFileSync(join(folder, 'numbers.jsonl'), '')
  await using screen = await bash()
  screen.type(`cd '${folder}'; FERMATA_URL=http://127.0.0.1:1; clear\r`)
  screen.type('\u0015fermata run add --batch numb\t')
  await screen.until((text) => text.trimEnd().endsWith('--batch numbers.jsonl'))
  expect(await run(['__complete', '--', 'run', ''], { FERMATA_URL: 'http://127.0.0.1:1' })).toMatchObject({
    code: 0,
    stdout: '',
    stderr: '',
  })
})

test('each candidate has a description, for shells that show it', async () => {
  const complete = async (...words: string[]) =>
    (await run(['__complete', '--', ...words], { FERMATA_URL: server.url })).stdout
  expect(await complete('')).toContain('\nrun\tSubmit a task\n')
  expect(await complete('s')).toMatch(/^serve\t.*\nstatus\t.*\nsteps\t.*\nschedule\t.*\nstats\t.*\n$/)
  expect(await complete('run', 'long', '--dur')).toMatch(/^--duration\tTotal seconds of work/)
  expect(await complete('serve', '--po')).toMatch(/^--port\t/)
  expect((await run(['completion', 'zsh'])).stdout).toContain('compdef _fermata fermata')
})
