import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { Api } from '../support/api.ts'
import { Screen } from '../support/screen.ts'
import { type Ended, programEnv, run, TestServer } from '../support/server.ts'

const main = join(import.meta.dirname, '../../src/main.ts')

/** Text that a terminal obeys: a title, a C1 introducer, a clipboard write, a cleared screen, and reversed direction. */
const hostile = '\u001B]0;pwned\u0007\u009B31m\u001B]52;c;cHduZWQ=\u0007\u001B[2J\u202Edesrever'
/** The same text as it must be shown. */
const visible = String.raw`\x1b]0;pwned\x07\x9b31m\x1b]52;c;cHduZWQ=\x07\x1b[2J\u202edesrever`

const folder = mkdtempSync(join(tmpdir(), 'fermata-escapes-'))
const library = pathToFileURL(join(import.meta.dirname, '../../src/index.ts')).href
const tasks = join(folder, 'tasks.mjs')
writeFileSync(
  tasks,
  `import { defineTask } from '${library}'
import { z } from '${import.meta.resolve('zod')}'
const hostile = ${JSON.stringify(hostile)}
export const loud = defineTask({
  type: 'loud',
  description: 'describes ' + hostile,
  parameters: z.object({ fail: z.boolean().default(false).describe('fails ' + hostile) }),
  example: { fail: true },
  async run({ fail }, task) {
    task.log('logs ' + hostile)
    task.progress(1, 2, 'says ' + hostile)
    if (fail) throw Object.assign(new Error('throws ' + hostile))
    return 'returns ' + hostile + '\\n\\tsecond line'
  },
})
`,
)

let server: TestServer
let done: string
let failed: string
beforeAll(async () => {
  server = await TestServer.start({ arguments: ['serve', '--tasks', tasks] })
  const api = new Api(server.url)
  done = await api.submit('loud', {}, { tags: ['tagged \u202Edesrever'] })
  failed = await api.submit('loud', { fail: true })
  await api.untilStatus(done, 'completed')
  await api.untilStatus(failed, 'failed')
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const fermata = (...args: string[]): Promise<Ended> => run(args, { FERMATA_URL: server.url })

/** Characters that a terminal obeys or hides, except line feeds and tabs. */
const obeyed = /[^\P{C}\n\t]|[\u2028\u2029]/u

/** Terminal output without the escape sequences that the program itself may use. */
function withoutOwn(written: string): string {
  const own = new RegExp(String.raw`\x1b\[(?:[\d;]*m|\?(?:25|2026|1049)[hl]|[KJH]|\d+A)|\r`, 'g')
  return written.replaceAll(own, '')
}

/** Checks several items concurrently, since most of the time is spent starting processes. */
async function eachOf<Item>(items: readonly Item[], check: (item: Item) => Promise<void>): Promise<void> {
  const left = [...items]
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await check(item)
  }
  await Promise.all([worker(), worker(), worker(), worker()])
}

describe('text from elsewhere', () => {
  const commands = () =>
    [
      ['status', '--full', done, failed],
      ['result', done],
      ['result', done, '--raw'],
      ['result', failed],
      ['run', 'loud', '--wait'],
      ['run', 'loud', '--fail', '--watch'],
      ['run', 'loud', '--help'],
      ['watch', done, failed],
      ['list', '--type', 'loud'],
      ['logs', done],
      ['types'],
      ['types', 'loud'],
      ['explain', failed],
      ['status', hostile],
      ['cancel', hostile],
      ['run', `no${hostile}`],
      ['run', 'add', '--json', `@${folder}/${hostile}`],
      ['run', 'add', '--batch', `${folder}/${hostile}`],
      ['run', 'add', '--a', hostile, '--b', '1'],
      ['run', 'add', `--${hostile}`],
      ['list', '--status', hostile],
      [hostile],
    ] as const

  test('is shown on a terminal, and never obeyed', async () => {
    await eachOf(commands(), async (args) => {
      await using screen = new Screen(args, { columns: 400, rows: 60, env: { FERMATA_URL: server.url } })
      await screen.ended
      const left = withoutOwn(screen.written)
      expect(obeyed.exec(left)?.[0], `${JSON.stringify(args)} wrote ${JSON.stringify(left)}`).toBeUndefined()
      if (args[0] !== 'explain') expect(left, JSON.stringify(args)).toContain(String.raw`\u202e`)
    })
  })

  test('is the same in a pipe, so that showing it later is safe too', async () => {
    await eachOf(commands(), async (args) => {
      if (args.some((word) => word === '--raw')) return
      const { stdout, stderr } = await fermata(...args)
      const left = stdout + stderr
      expect(obeyed.exec(left)?.[0], `${JSON.stringify(args)} wrote ${JSON.stringify(left)}`).toBeUndefined()
    })
  })

  test('is the same value in JSON, fully escaped', async () => {
    const { stdout } = await fermata('result', done)
    expect(JSON.parse(stdout)).toBe(`returns ${hostile}\n\tsecond line`)
    const status = await fermata('status', done, '--json')
    expect(JSON.parse(status.stdout)).toMatchObject({ tags: ['tagged \u202Edesrever'] })
    expect(obeyed.test(status.stdout)).toBe(false)
  })

  test('is written byte for byte by result --raw in a pipe, and shown with its lines on a terminal', async () => {
    expect((await fermata('result', done, '--raw')).stdout).toBe(`returns ${hostile}\n\tsecond line\n`)
    await using screen = new Screen(['result', done, '--raw'], {
      columns: 200,
      env: { FERMATA_URL: server.url },
    })
    await screen.ended
    expect(screen.text.split('\n')).toEqual([`returns ${visible}`, '        second line'])
  })

  test('of a foreign or hostile server is shown safely too', async () => {
    const unkind = await listening((path) =>
      path.includes('/tasks')
        ? [200, { type: `type ${hostile}`, available_tasks: [], task_details: {} }]
        : [
            400,
            {
              type: 'about:blank',
              title: 'x',
              status: 400,
              code: `CODE${hostile}`,
              detail: `detail ${hostile}\nfermata: all is well`,
              errors: [
                { path: `path ${hostile}`, message: `message ${hostile}` },
                { path: 'b', message: hostile },
              ],
            },
          ],
    )
    for (const args of [['list'], ['status', 'x'], ['stats'], ['types', 'x'], ['hold', 'x'], ['run', 'x']]) {
      const { stdout, stderr } = await run(args, { FERMATA_URL: unkind.url })
      expect(obeyed.exec(stdout + stderr)?.[0], JSON.stringify([args, stdout, stderr])).toBeUndefined()
      expect(stderr).not.toMatch(/^fermata: all is well/m)
    }
    unkind.server.close()
  })

  test('is shown safely in the error about a module that cannot be loaded', async () => {
    const broken = join(folder, 'broken.mjs')
    writeFileSync(broken, `throw new Error(${JSON.stringify(hostile)})`)
    const { stderr } = await run(['serve', '--tasks', broken], { DATABASE_URL: 'sqlite::memory:' })
    expect(stderr).toContain(visible)
    expect(obeyed.test(stderr)).toBe(false)
  })
})

async function listening(answer: (path: string) => readonly [number, object]): Promise<{
  url: string
  server: Server
}> {
  const server = createServer((request, response) => {
    const [status, body] = answer(request.url ?? '')
    response.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(body))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

describe('an output that cannot be written', () => {
  /** Runs a line of bash that redirects output to `/dev/full`, where every write fails. */
  const full = (line: string) =>
    spawnSync('bash', ['-c', line.replaceAll('fermata', `'${process.execPath}' '${main}'`)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...programEnv, FERMATA_URL: server.url },
      timeout: 300_000,
    })

  test.each([
    'fermata list',
    'fermata list --json',
    'fermata types',
    'fermata run add --a 1 --b 2',
    'fermata --help',
    'fermata run add --help',
    'fermata --version',
    'fermata completion bash',
    'fermata __complete -- run ""',
  ])('ends %s with one line and the code 5', (line) => {
    const { status, stderr } = full(`${line} > /dev/full`)
    expect({ status, stderr }).toEqual({
      status: 5,
      stderr: 'fermata: cannot write the output: no space left on device (ENOSPC)\n',
    })
  })

  test('ends with the same exit code if errors cannot be written either', () => {
    expect(full('fermata list > /dev/full 2> /dev/full').status).toBe(5)
    expect(full(`fermata watch ${done} ${failed} 2> /dev/full`).status).toBe(1)
  })

  test('of a terminal that is gone prints no stack trace', async () => {
    // The terminal is closed while the command still writes to it: EIO.
    const log = join(folder, 'errors')
    const api = new Api(server.url)
    const moving = await api.submit('long', { duration: 600, steps: 6_000 })
    await using screen = new Screen([], {
      command: [
        'bash',
        '-c',
        `trap '' HUP; '${process.execPath}' '${main}' watch --patience 1 --url ${server.url} 2> ${log}; echo "code $?" >> ${log}`,
      ],
    })
    await screen.until((text) => text.includes(moving.slice(-8)))
    screen.hangUp()
    await vi.waitFor(() => expect(readFileSync(log, 'utf8')).toContain('code'), { timeout: 60_000 })
    expect(readFileSync(log, 'utf8')).toBe('fermata: cannot write the output: i/o error (EIO)\ncode 5\n')
    await api.control(moving, 'cancel')
  })

  test('of a reader that closes the pipe ends quietly, and the work is still done', async () => {
    const api = new Api(server.url)
    const ids: string[] = []
    for (let n = 0; n < 40; n++) ids.push(await api.submit('long', { duration: 100 }, { delay: 3_600 }))
    const child = spawn(process.execPath, [main, 'cancel', ...ids], {
      env: { ...programEnv, FERMATA_URL: server.url },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.stdout.destroy()
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    const [code] = (await once(child, 'close')) as [number]
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const id of ids) expect((await api.status(id)).status).toBe('cancelled')
  })
})
