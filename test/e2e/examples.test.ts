import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { run as runProgram, TestServer } from '../support/server.ts'

const examples = join(import.meta.dirname, '../../examples')
const folder = mkdtempSync(join(tmpdir(), 'fermata-examples-'))
let server: TestServer

beforeAll(async () => {
  server = await TestServer.start({ arguments: ['serve', '--tasks', examples] })
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

type Shown = { status: string; result?: unknown; error?: { code: string; message: string } | null }

async function submit(type: string, parameters: object, own: object = {}): Promise<string> {
  const answer = await fetch(`${server.url}/api/run/${type}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ parameters, ...own }),
  })
  expect(answer.status).toBe(200)
  return ((await answer.json()) as { task_id: string }).task_id
}

async function outcome(id: string): Promise<Shown> {
  for (;;) {
    const answer = await fetch(`${server.url}/api/task/${id}/result`)
    if (answer.status === 200) return (await answer.json()) as Shown
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function begun(id: string): Promise<void> {
  await new Api(server.url).until(id, ({ progress }) => progress !== null)
}

async function control(id: string, name: string): Promise<string> {
  // On a busy machine, threads of tasks get the least CPU time.
  const answer = await fetch(`${server.url}/api/task/${id}/${name}?wait=60`, { method: 'POST' })
  return ((await answer.json()) as { status: string }).status
}

describe('the examples', () => {
  test('are available beside the built-in types', async () => {
    const { available_tasks: types } = (await (await fetch(`${server.url}/api/tasks`)).json()) as {
      available_tasks: string[]
    }
    expect(types).toEqual([
      'add',
      'fib',
      'long',
      'agent',
      'crawler',
      'crawler-page',
      'import',
      'links',
      'order',
      'primes',
      'import-source',
      'nightly',
      'report',
      'words',
    ])
  })

  test('count primes in a thread, across a pause', async () => {
    const id = await submit('primes', { to: 5_000_000 })
    await begun(id)
    expect(await control(id, 'pause')).toBe('paused')
    expect(await control(id, 'resume')).toBe('running')
    expect(await outcome(id)).toMatchObject({ status: 'completed', result: { primes: 348_513 } })
  })

  test('ship a small order, and ask a person about a large one', async () => {
    const api = new Api(server.url)
    expect(await outcome(await submit('order', { item: 'A whistle', total: 9 }))).toMatchObject({
      result: { shipped: true },
    })
    const orders = { refused: false, approved: true }
    for (const [item, approved] of Object.entries(orders)) {
      const id = await submit('order', { item, total: 24_000 })
      await api.until(id, ({ status }) => status === 'waiting')
      expect((await api.post(`/api/task/${id}/waits/approval`, { answer: { approved } })).status).toBe(200)
      expect(await outcome(id)).toMatchObject({ result: { shipped: approved } })
      const { body } = await api.call('GET', `/api/task/${id}/steps`)
      const names = (body['steps'] as { name: string }[]).map(({ name }) => name)
      expect(names).toEqual(['charge', approved ? 'ship' : 'refund'])
    }
  })

  test('report what three imports have kept, on a schedule', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fermata-report-'))
    const { body } = await new Api(server.url).call('GET', '/api/schedules/nightly-report')
    expect(body).toMatchObject({ type: 'nightly', cron: ['0 2 * * *'], timezone: 'Europe/Berlin' })
    const started = await outcome(await submit('nightly', { folder }))
    const { imports, report } = started.result as { imports: string[]; report: string }
    expect(imports).toHaveLength(3)
    const sums = { orders: 245, payments: 200, refunds: 15 }
    expect(await outcome(report)).toMatchObject({ status: 'completed', result: sums })
    expect(JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8'))).toEqual(sums)
    for (const id of imports) expect(await outcome(id)).toMatchObject({ status: 'completed' })
    rmSync(folder, { recursive: true })
  })

  test('let an agent look something up, ask before it sends mail, and accept a refusal', async () => {
    const api = new Api(server.url)
    const goal = 'Tell alice@example.com where order 1007 is'
    for (const approved of [true, false]) {
      const id = await submit('agent', { goal })
      await api.until(id, ({ status }) => status === 'waiting')
      const { body } = await api.call('GET', `/api/task/${id}/waits`)
      expect(body['waits']).toMatchObject([
        { name: 'approve 2', message: expect.stringContaining('is at the post office in Lyon') },
      ])
      const answer = approved ? { approved } : { approved, note: 'not today' }
      await api.post(`/api/task/${id}/waits/approve%202`, { answer })
      const said = approved ? 'sent as message' : 'not approved: not today'
      expect(await outcome(id)).toMatchObject({
        result: { answer: expect.stringContaining(said), turns: 2 },
      })
      const { body: done } = await api.call('GET', `/api/task/${id}/steps`)
      const names = (done['steps'] as { name: string }[]).map(({ name }) => name)
      expect(names).toEqual(['decide 1', 'act 1', 'decide 2', ...(approved ? ['act 2'] : []), 'decide 3'])
    }
    expect(await outcome(await submit('agent', { goal: 'Hello' }))).toMatchObject({
      result: { answer: 'Name an order and an address, please.', turns: 0 },
    })
  })

  test('crawl a site level by level, with its broken pages', async () => {
    const pages: Record<string, string> = {
      '/': '<title>Home</title> <a href="/a">a</a> <a class="x" href="b#part">b</a> <a href="http://elsewhere.invalid/">c</a>',
      '/a': '<title>A</title> <a href="/">home</a> <a href="/gone">gone</a>',
      '/b': '<title>B</title> <a href="/deep">deep</a>',
      '/deep': '<title>Deep</title> <a href="/deeper">deeper</a>',
    }
    const visits: string[] = []
    const site = createServer(({ url = '' }, answer) => {
      visits.push(url)
      answer.writeHead(pages[url] === undefined ? 404 : 200).end(pages[url])
    })
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
    try {
      const start = `http://127.0.0.1:${(site.address() as AddressInfo).port}/`
      const id = await submit('crawler', { start })
      expect(await outcome(id)).toMatchObject({
        status: 'completed',
        result: {
          titles: { [start]: 'Home', [`${start}a`]: 'A', [`${start}b`]: 'B', [`${start}deep`]: 'Deep' },
          broken: { [`${start}gone`]: `${start}gone answered with 404` },
        },
      })
      expect(visits.filter((path) => path !== '/gone').sort()).toEqual(['/', '/a', '/b', '/deep'])
      const { body } = await new Api(server.url).call('GET', `/api/task/${id}/family`)
      expect(body).toMatchObject({ children: { total: 5, by_status: { completed: 4, failed: 1 } } })
    } finally {
      site.close()
      site.closeAllConnections()
    }
  })

  test('check URLs', async () => {
    const urls = [`${server.url}/healthz`, `${server.url}/nowhere`, 'http://127.0.0.1:1/']
    expect(await outcome(await submit('links', { urls }))).toMatchObject({
      result: { ok: 1, broken: [{ status: 404 }, { error: expect.any(String) }] },
    })
  })

  test('count words with a Python script, and say clearly if Python is missing', async () => {
    const shown = await outcome(await submit('words', { text: 'to be or not to be' }))
    if (shown.status === 'failed') expect(shown.error?.message).toContain('python3 ENOENT')
    else expect(shown.result).toEqual({ words: 6, counts: { to: 2, be: 2, or: 1, not: 1 } })
  })

  test('import rows, continue in the middle after a pause, and name an invalid row', async () => {
    const [from, to] = [join(folder, 'rows.jsonl'), join(folder, 'sums.json')]
    const rows = Array.from({ length: 10 }, (_, n) =>
      JSON.stringify({ name: n % 2 === 0 ? 'a' : 'b', amount: n }),
    )
    writeFileSync(from, `${rows.join('\n')}\n`)
    const id = await submit('import', { from, to, delay: 0.6 })
    await begun(id)
    expect(await control(id, 'pause')).toBe('paused')
    expect(await control(id, 'resume')).toBe('running')
    expect(await outcome(id)).toMatchObject({ result: { rows: 10, names: 2 } })
    expect(JSON.parse(readFileSync(to, 'utf8'))).toEqual({ a: 20, b: 25 })

    writeFileSync(from, '{"name":"a","amount":1}\n{"name":"b"}\n')
    expect(await outcome(await submit('import', { from, to }))).toMatchObject({
      error: { code: 'NON_RETRYABLE', message: expect.stringContaining('row 2 is invalid') },
    })
  })
})

test('a module that cannot be loaded aborts startup with one line', async () => {
  const module = join(folder, 'broken.mjs')
  writeFileSync(module, '\nthrow new Error("oh no")\n')
  const { code, stderr } = await runProgram(['serve'], {
    FERMATA_TASKS: module,
    DATABASE_URL: 'sqlite::memory:',
  })
  expect(code).toBe(2)
  expect(stderr).toBe(`fermata: The task module ${module}:2 cannot be loaded: oh no\n`)
})
