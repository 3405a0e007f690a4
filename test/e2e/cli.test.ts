import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { type Ended, programEnv, run, TestServer } from '../support/server.ts'

const main = join(import.meta.dirname, '../../src/main.ts')
let server: TestServer
let api: Api
let folder: string
beforeAll(async () => {
  server = await TestServer.start()
  api = new Api(server.url)
  folder = mkdtempSync(join(tmpdir(), 'fermata-cli-'))
})
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await server[Symbol.asyncDispose]()
})

const fermata = (...args: string[]): Promise<Ended> => run(args, { FERMATA_URL: server.url })

/** Runs a shell line in which `fermata` is the program. */
function shell(line: string): Promise<Ended> {
  const script = `fermata() { '${process.execPath}' '${main}' "$@"; }; ${line.replaceAll('xargs fermata', `xargs '${process.execPath}' '${main}'`)}`
  const child = spawn('bash', ['-c', script], {
    env: { ...programEnv, FERMATA_URL: server.url },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  return new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
}

const file = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

/** For controls: waits as long as it may. */
const patiently = ['--wait', '60'] as const

const idIn = ({ stdout }: Ended): string => /^[\da-f-]{36}/m.exec(stdout)?.[0] ?? ''

describe('fermata run', () => {
  test('prints only the id in a pipe, and the task exists', async () => {
    const { code, stdout, stderr } = await fermata('run', 'add', '--a', '2', '--b', '-3.5')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^[\da-f-]{36}\n$/)
    expect((await api.untilStatus(stdout.trim(), 'completed')).parameters).toEqual({ a: 2, b: -3.5 })
  })

  test('waits for the result and prints JSON for people and for programs', async () => {
    expect(await fermata('run', 'add', '--a', '2', '--b', '3', '--wait')).toMatchObject({
      code: 0,
      stdout: '5\n',
    })
    const json = await fermata('run', 'fib', '--n', '100', '--wait', '--json')
    expect(JSON.parse(json.stdout)).toMatchObject({ status: 'completed', result: '354224848179261915075' })
    const id = (JSON.parse(json.stdout) as { task_id: string }).task_id
    expect((await fermata('result', id)).stdout).toBe('"354224848179261915075"\n')
    expect((await fermata('result', id, '--raw')).stdout).toBe('354224848179261915075\n')
  })

  test('takes parameters from a document, a file and standard input; flags take precedence', async () => {
    const path = file('p.json', '{"a": 10, "b": 20}')
    expect((await fermata('run', 'add', '--json', '{"a":1,"b":2}', '--wait')).stdout).toBe('3\n')
    expect((await fermata('run', 'add', '--json', `@${path}`, '--b', '5', '--wait')).stdout).toBe('15\n')
    expect((await shell(`fermata run add --json - --wait < '${path}'`)).stdout).toBe('30\n')
  })

  test('passes the options on', async () => {
    const made = await fermata(
      'run',
      'long',
      '--duration',
      '1',
      '--priority',
      '7',
      '--delay',
      '1h',
      '--timeout',
      '90s',
      '--max-attempts',
      '3',
      '--tag',
      'one',
      '--tag',
      'two',
      '--idempotency-key',
      'cli-options',
      '--unique',
      'cli',
      '--unique-while',
      'queued',
      '--unique-for',
      '2h',
    )
    const { timeout, idempotency_key: key, unique, ...status } = await api.details(idIn(made))
    expect({ timeout, key }).toEqual({ timeout: 90, key: 'cli-options' })
    expect(unique).toEqual({ key: 'cli', while: 'queued', for: 7_200, debounced: false })
    const again = await fermata('run', 'long', '--duration', '1', '--unique', 'cli')
    expect(again).toMatchObject({ stdout: `${idIn(made)}\n`, stderr: expect.stringContaining('already') })
    expect(status).toMatchObject({ status: 'scheduled', priority: 7, max_attempts: 3, tags: ['one', 'two'] })
    const after = await fermata(
      'run',
      'add',
      '--a',
      '1',
      '--b',
      '2',
      '--after',
      idIn(made),
      '--on-failure',
      'run',
    )
    expect(await api.status(idIn(after))).toMatchObject({ status: 'waiting', waiting_for: { tasks: 1 } })
    expect((await fermata('explain', idIn(after))).stdout).toContain(
      `Waits for one task to end: ${idIn(made)} (scheduled).`,
    )
    expect((await fermata('cancel', idIn(made))).stdout).toBe(`${idIn(made)}  cancelled\n`)
    await api.untilStatus(idIn(after), 'completed')
  })

  test.each([
    [['run', 'add', '--a', '1'], '--b <number> is missing'],
    [['run', 'add', '--a', 'x', '--b', '1'], '--a x is invalid: it must be a number'],
    [['run', 'fib', '--n', '1.5'], '--n 1.5 is invalid: it must be a whole number'],
    [['run', 'fib', '--n', '-1'], '--n -1 is invalid: it must be at least 0'],
    [['run', 'long', '--duratoin', '3'], "unknown option '--duratoin'\n(Did you mean --duration?)"],
    [['run', 'add', '--json', '{'], '--json is not JSON'],
    [['run', 'add', '--json', '[1]'], '--json must be a JSON object'],
    [['run', 'add', '--json', '@/nowhere'], 'cannot read /nowhere: ENOENT'],
    [['run', 'add', '--a', '9007199254740993', '--b', '1'], 'without losing digits'],
    [['run', 'add', '--json', '{"a":1,"b":2,"id":[9007199254740993]}'], 'id.0: the number is an integer'],
    [['run', 'add', '--json', '{"a":1e400,"b":2}'], 'a: the number is too large for a JSON number'],
    [['run', 'nope'], 'There is no task type "nope"'],
    [['run', '--a', '1', 'add'], 'missing type'],
    [['run', 'add', '--a', '1', '--b', '1', '--priority', '5000'], 'a whole number from -1000 to 1000'],
    [['list', '--status', 'done'], 'Unknown status done: choose from waiting, scheduled, queued'],
    [['list', '--after', 'yesterday'], 'It must be like 2h (ago), 2026-01-31'],
    [['bulk', 'stop', '--yes'], 'unknown action stop: choose one of pause, resume, cancel, retry, purge'],
    [['watch', 'x', '--on-interrupt', 'shout'], 'Allowed choices are ask, leave, cancel'],
    [['completion', 'fish'], 'choose bash or zsh'],
    [['top'], 'top needs a terminal'],
    [['stats', '--url', 'localhost'], 'localhost is not a server address'],
  ])('refuses %j', async (args, message) => {
    const { code, stdout, stderr } = await fermata(...args)
    expect(stderr).toContain(message)
    expect(stderr).toMatch(/^fermata: /)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  })

  test('explains the parameters of a type in its help', async () => {
    const { code, stdout } = await fermata('run', 'long', '--help')
    expect(code).toBe(0)
    const text = stdout.replaceAll(/\s+/g, ' ')
    expect(text).toContain('--duration <number> Total seconds of work (from 0 to 31536000, default: 30)')
    expect(text).toContain('--steps <integer> Number of steps')
    expect(text).toContain(`fermata run long --json '{"duration":10,"steps":20}'`)
  })

  test('prints a line per event when it watches in a pipe', async () => {
    const { code, stdout, stderr } = await fermata(
      'run',
      'long',
      '--duration',
      '0.5',
      '--steps',
      '10',
      '--watch',
    )
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ status: 'completed', steps_completed: 10 })
    const lines = stderr.trim().split('\n')
    // How much progress is seen between its begin and its end depends on the machine.
    expect(lines.length).toBeGreaterThanOrEqual(3)
    for (const line of lines)
      expect(line).toMatch(/^\d\d:\d\d:\d\d  [\da-f-]{36}  long  (running|completed|queued)/)
    expect(stderr).not.toContain('\u001B')
  })
})

describe('listen', () => {
  test('prints live events of all tasks, of chosen kinds, as text or JSON, until it is interrupted', async () => {
    const heard = { all: '', json: '' }
    const start = (name: 'all' | 'json', ...parameters: string[]) => {
      const child = spawn(process.execPath, [main, 'listen', ...parameters], {
        env: { ...programEnv, FERMATA_URL: server.url },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const ready = new Promise<void>((resolve) => {
        child.stderr.on('data', (data: Buffer) => data.includes('Listening') && resolve())
      })
      child.stdout.on('data', (data: Buffer) => {
        heard[name] += data.toString()
      })
      return { child, ready }
    }
    const people = start('all', '--tag', 'heard')
    const programs = start('json', '--json', '--tag', 'heard', '--kind', 'transition')
    await people.ready
    const options = { tags: ['heard'] }
    // A program says nothing about itself: it has heard of the first tasks when it is ready.
    await expect
      .poll(async () => {
        await api.submit('long', { duration: 0.2, steps: 2 }, options)
        return heard.json
      })
      .toContain('"event":"completed"')
    await api.submit('add', { a: 1, b: 2 })
    await expect.poll(() => heard.all).toMatch(/  long  completed  completed\n/)
    // A task that ends before anyone is told of its progress is told of without.
    await expect
      .poll(async () => {
        await api.submit('long', { duration: 1, steps: 2 }, options)
        return heard.all
      })
      .toMatch(/  long  progress  \d\/2/)
    for (const { child } of [people, programs]) {
      child.kill('SIGINT')
      const [code] = (await once(child, 'exit')) as [number]
      expect(code).toBe(0)
    }
    expect(heard.all).toMatch(/^\d\d:\d\d:\d\d  [\da-f-]{36}  long  queued  submitted\n/)
    expect(`${heard.all}${heard.json}`).not.toMatch(/add/)
    const events = heard.json
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { kind: string; task_type: string })
    expect(new Set(events.map(({ kind, task_type: type }) => `${kind} ${type}`))).toEqual(
      new Set(['transition long']),
    )
  })
})

describe('a batch', () => {
  test('submits a task for each line, in order, and prints the ids', async () => {
    const lines = Array.from({ length: 4_500 }, (_, a) => JSON.stringify({ a }))
    const path = file('many.jsonl', `${lines.join('\n\n')}\n`)
    const { code, stdout } = await fermata('run', 'add', '--batch', path, '--b', '1', '--tag', 'many', '-q')
    const ids = stdout.trim().split('\n')
    expect({ code, count: ids.length }).toEqual({ code: 0, count: 4_500 })
    expect((await api.status(ids[4_321] ?? '')).parameters).toEqual({ a: 4_321, b: 1 })
    expect((await api.status(ids[0] ?? '')).tags).toEqual(['many'])
  })

  test('with a key creates no task twice, and says which line is invalid', async () => {
    const path = file('keyed.jsonl', '{"a":1,"b":1}\n{"a":2,"b":1}\n')
    const keyed = ['run', 'add', '--batch', path, '--idempotency-key', 'night', '--json']
    expect(JSON.parse((await fermata(...keyed)).stdout)).toEqual({
      task_type: 'add',
      submitted: 2,
      replayed: 0,
    })
    expect(JSON.parse((await fermata(...keyed)).stdout)).toEqual({
      task_type: 'add',
      submitted: 2,
      replayed: 2,
    })
    const bad = await shell(`printf '{"a":1,"b":1}\\n\\n{"a":"x","b":1}\\n' | fermata run add --batch -`)
    expect(bad).toMatchObject({ code: 2, stdout: '' })
    expect(bad.stderr).toContain('Nothing was submitted.')
    expect(bad.stderr).toContain(
      'fermata: line 3: parameters.a: Invalid input: expected number, received string',
    )
    const broken = await shell(
      `(seq 1 2100 | sed 's/.*/{"a":1,"b":&}/'; echo oops) | fermata run add --batch - -q`,
    )
    expect(broken.stdout.trim().split('\n')).toHaveLength(2_000)
    expect(broken.stderr).toContain('Submitted 2,000 tasks, up to line 2,000.')
    expect(broken.stderr).toContain('continue with --from-line 2001')
    expect(broken.stderr).toContain('line 2,101 is not JSON')
  })
})

describe('documents and lines from any editor', () => {
  const bom = '\uFEFF'

  test('may start with a byte order mark and have Windows line endings', async () => {
    const path = file('bom.json', `${bom}{"a": 1,\r\n "b": 2}\r\n`)
    expect((await fermata('run', 'add', '--json', `@${path}`, '--wait')).stdout).toBe('3\n')
    expect((await shell(`fermata run add --json - --wait < '${path}'`)).stdout).toBe('3\n')
    const lines = file('bom.jsonl', `${bom}{"a":1,"b":2}\r\n\r\n  \r\n{"a":2,"b":3}`)
    for (const line of [`fermata run add --batch '${lines}'`, `fermata run add --batch - < '${lines}'`]) {
      expect(await shell(line)).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^Submitted 2 tasks of type add/),
      })
    }
  })

  test('may contain Unicode separators, which do not end a line of JSON', async () => {
    const tag = `\u2028 and \u2029 and \u0085`
    const lines = file('separators.jsonl', `{"a":1,"b":1,"c":"${tag}"}\n{"a":2,"b":2,"c":"${tag}"}\n`)
    const { code, stdout, stderr } = await fermata('run', 'add', '--batch', lines, '-q')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.trim().split('\n')).toHaveLength(2)
  })
})

describe('many tasks', () => {
  test('are listed and all cancelled by xargs', async () => {
    const ids: string[] = []
    for (let n = 0; n < 40; n++)
      ids.push(await api.submit('long', { duration: 100 }, { delay: 3_600, tags: ['x'] }))
    const { code, stdout } = await shell(
      'fermata list -q --status scheduled --tag x | xargs fermata cancel -q',
    )
    expect({ code, ids: stdout.trim().split('\n').toSorted() }).toEqual({ code: 0, ids: ids.toSorted() })
    expect((await fermata('list', '-q', '--tag', 'x', '--status', 'scheduled')).stdout).toBe('')
  })

  test('are controlled one by one: refused ones are named, the others are changed', async () => {
    const one = await api.submit('long', { duration: 100 })
    const { code, stdout, stderr } = await fermata('pause', one, 'nope', ...patiently)
    expect(code).toBe(1)
    expect(stdout).toBe(`${one}  paused\n`)
    expect(stderr).toContain('nope  There is no task "nope"')
    expect((await fermata('resume', one, ...patiently)).stdout).toBe(`${one}  running\n`)
    expect((await fermata('cancel', one, '--json', ...patiently)).stdout).toMatch(
      /^\{.*"status":"cancelled"\}\n$/,
    )
    expect((await fermata('retry', one, '--from', 'start')).code).toBe(0)
    await fermata('cancel', one, ...patiently)
    expect((await fermata('watch', one)).code).toBe(3)
    expect((await fermata('result', one)).code).toBe(3)
    expect((await fermata('purge', one)).stdout).toBe(`${one}  deleted\n`)
    expect((await fermata('status', one)).code).toBe(1)
  })

  test('are controlled by a filter, after a count', async () => {
    await api.submit('long', {}, { delay: 3_600, tags: ['bulk'] })
    const asked = await fermata('bulk', 'cancel', '--tag', 'bulk')
    expect(asked).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('this would cancel 1 task; pass --yes'),
    })
    expect((await fermata('bulk', 'cancel', '--tag', 'bulk', '-n')).stdout).toBe('Would cancel 1 task.\n')
    expect((await fermata('bulk', 'cancel', '--tag', 'bulk', '-y')).stdout).toBe('Cancelled 1 task\n')
  })

  test('that have finished are deleted by a filter, after a count', async () => {
    const one = await api.submit('long', {}, { delay: 3_600, tags: ['old'] })
    const two = await api.submit('long', {}, { delay: 3_600, tags: ['old'] })
    await fermata('cancel', one)
    const asked = await fermata('bulk', 'purge', '--tag', 'old')
    expect(asked).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('this would purge 1 task; pass --yes'),
    })
    expect((await fermata('bulk', 'purge', '--tag', 'old', '-n')).stdout).toBe('Would purge 1 task.\n')
    expect((await fermata('status', one)).code).toBe(0)
    expect((await fermata('bulk', 'purge', '--tag', 'old', '-y')).stdout).toBe('Deleted 1 task\n')
    expect((await fermata('status', one)).code).toBe(1)
    expect((await fermata('list', '-q', '--tag', 'old')).stdout).toBe(`${two}\n`)
    await fermata('cancel', two)
  })

  test('are printed as a table without colors in a pipe, and as JSON lines', async () => {
    const table = await fermata('list', '--type', 'fib')
    expect(table.stdout).toMatch(/^ID +TYPE +STATUS/)
    expect(table.stdout).not.toContain('\u001B')
    const json = (await fermata('list', '--json', '--limit', '3')).stdout.trim().split('\n')
    expect(json.map((line) => typeof (JSON.parse(line) as { task_id: unknown }).task_id)).toEqual(
      Array.from({ length: 3 }, () => 'string'),
    )
  })

  test('are shown with what they did in a time, as a table, as ids and as JSON lines', async () => {
    const id = await api.submit('add', { a: 1, b: 2 }, { tags: ['drawn'] })
    await api.untilStatus(id, 'completed')
    const runs = (...args: string[]) => fermata('runs', '--tag', 'drawn', ...args)
    const table = await runs()
    expect(table).toMatchObject({ code: 0, stderr: '' })
    expect(table.stdout).toMatch(/^ID +TYPE +STATUS +ATTEMPTS +CREATED +WAITED +RAN/)
    expect(table.stdout).toMatch(new RegExp(`^${id} +add +. completed +1 `, 'm'))
    expect((await runs('--quiet', '--from', '1h')).stdout).toBe(`${id}\n`)
    const json = JSON.parse((await runs('--json')).stdout) as { changes: { event: string }[] }
    expect(json.changes.map(({ event }) => event)).toEqual(['submitted', 'claimed', 'completed'])
    expect(await runs('--type', 'fib')).toMatchObject({ code: 0, stdout: '' })
    expect(await runs('--limit', '2001')).toMatchObject({ code: 2 })
  })

  test('end quietly when the reader closes the pipe', async () => {
    const { stdout, stderr, code } = await shell('set -o pipefail; fermata list --json | head -n 1')
    expect({ stderr, code, lines: stdout.trim().split('\n').length }).toEqual({
      stderr: '',
      code: 0,
      lines: 1,
    })
  })
})

describe('the other commands', () => {
  test('print what they know, for people and as JSON', async () => {
    const id = await api.submit('long', { duration: 100 }, { delay: 3_600 })
    expect((await fermata('explain', id)).stdout).toContain('scheduled')
    expect((await fermata('status', id, '--full')).stdout).toMatch(/submitted +scheduled/)
    expect((await fermata('types')).stdout).toContain('Add two numbers.')
    expect((await fermata('types', 'fib')).stdout).toContain('--n')
    expect((await fermata('stats')).stdout).toContain('0/10 slots')
    expect((await fermata('logs', id)).stdout).toBe('')
    for (const args of [['stats'], ['types', 'fib'], ['explain', id], ['status', id]]) {
      expect(JSON.parse((await fermata(...args, '--json')).stdout)).toBeTypeOf('object')
    }
    expect((await fermata('hold', 'long')).stdout).toContain('held')
    expect((await fermata('stats', '--json')).stdout).toContain('"held":true')
    expect((await fermata('release', 'long')).code).toBe(0)
    await fermata('cancel', id)
  })

  test('benchmark the server, and leave nothing behind', async () => {
    const { code, stdout } = await fermata('bench', '--tasks', '200', '--callers', '20', '--json')
    expect(code).toBe(0)
    const figure = { per_second: expect.toSatisfy((value: number) => value > 0) as number }
    const calls = { ...figure, p50: expect.any(Number) as number, p99: expect.any(Number) as number }
    const measured = { tasks: 200, callers: 20, submit: calls, complete: figure, read: calls }
    expect(JSON.parse(stdout)).toEqual(measured)
    const left = await fermata('list', '--type', 'add', '--json')
    expect(left.stdout).not.toContain('bench-')
    expect((await fermata('bench', '-n', '20')).stdout).toMatch(/submitted and completed +[\d,.]+\/s/)
  })

  test('report an unreachable server immediately', async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    const url = `http://127.0.0.1:${(holder.address() as AddressInfo).port}`
    holder.close()
    for (const args of [['list'], ['run', 'add'], ['watch', 'x', '--patience', '0']]) {
      const { code, stderr } = await run(args, { FERMATA_URL: url })
      expect({ code, stderr }).toEqual({
        code: 4,
        stderr: `fermata: cannot reach ${url}: is the server running? (fermata serve)\n`,
      })
    }
  })

  test('recognize another kind of server', async () => {
    const other = createServer((_, response) => response.end('<h1>It works!</h1>')).listen(0, '127.0.0.1')
    await once(other, 'listening')
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
    const { code, stderr } = await run(['list'], { FERMATA_URL: url })
    other.close()
    expect(code).toBe(4)
    expect(stderr).toContain('Does FERMATA_URL point to a Fermata server?')
  })
})

describe('a failed task', () => {
  test('gives exit code 1 and the reason', async () => {
    const id = await api.submit('long', { duration: 100 }, { timeout: 0.05, max_attempts: 1 })
    await api.untilStatus(id, 'failed')
    for (const command of ['watch', 'result']) {
      const { code, stdout, stderr } = await fermata(command, id)
      expect({ command, code }).toEqual({ command, code: 1 })
      expect(stdout + stderr).toContain('TIMEOUT')
    }
  })
})

describe('a partial id', () => {
  test('is accepted by every command that takes an id, also from a pipe', async () => {
    const id = await api.submit('add', { a: 2, b: 3 })
    await api.untilStatus(id, 'completed')
    const shown = `…${id.slice(-8)}`
    const said = async (...args: string[]) => [args[0], await fermata(...args)] as const
    const answers = await Promise.all([
      ...['status', 'result', 'explain', 'watch', 'logs'].map((command) => said(command, shown)),
      said('logs', '--follow', id.slice(-8)),
      said('status', '--full', '--quiet', shown),
    ])
    for (const [command, answer] of answers)
      expect([command, answer]).toMatchObject([command, { code: 0, stderr: '' }])
    expect(answers[1]?.[1].stdout).toBe('5\n')
    expect(answers[2]?.[1].stdout).toContain(id)
    expect(answers[6]?.[1].stdout).toBe(`${id}\n`)
    const piped = await shell(`echo '...${id.slice(-8)}' | xargs fermata purge --quiet`)
    expect(piped).toMatchObject({ code: 0, stdout: `${id}\n` })
  })

  test('controls a task, and the output has the full id', async () => {
    const id = await api.submit('long', { duration: 60 })
    const shown = `...${id.slice(-8)}`
    for (const command of ['pause', 'resume', 'cancel', 'retry', 'cancel']) {
      const { code, stdout } = await fermata(command, shown)
      expect([command, code, stdout.slice(0, 36)]).toEqual([command, 0, id])
      if (command === 'cancel') await api.untilStatus(id, 'cancelled')
    }
  })

  test('that matches several tasks is an error that lists their ids', async () => {
    const ids = [await api.submit('add', { a: 1, b: 1 }), await api.submit('add', { a: 1, b: 1 })]
    const { code, stderr } = await fermata('status', ids[0]!.slice(0, 6))
    expect(code).toBe(2)
    expect(stderr).toMatch(/Give more characters.*\n {2}[\da-f-]{36}\n/)
  })
})
