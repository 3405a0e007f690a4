import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { freePort } from '../support/ports.ts'
import { Screen, type ScreenOptions } from '../support/screen.ts'
import { TestServer } from '../support/server.ts'

let server: TestServer
let api: Api
beforeEach(async () => {
  server = await TestServer.start({ env: { PORT: String(await freePort()) } })
  api = new Api(server.url)
})
afterEach(() => server[Symbol.asyncDispose]())

const open = (args: readonly string[], options: ScreenOptions = {}) =>
  new Screen(args, { ...options, env: { FERMATA_URL: server.url, ...options.env } })

/** Kills the server and restarts it at the same address. */
async function crash(whileDown: () => Promise<unknown>): Promise<void> {
  const { directory, port } = server
  await server.stop('SIGKILL')
  await whileDown()
  server = await TestServer.start({ directory, env: { PORT: String(port) } })
}

const long = (duration: number, steps: number) => [
  'run',
  'long',
  '--duration',
  String(duration),
  '--steps',
  String(steps),
  '--watch',
]
const filled = (text: string) => /━+/.exec(text)?.[0].length ?? 0
const onlyTask = async () => {
  const { body } = await api.call('GET', '/api/task')
  return (body['tasks'] as { task_id: string }[])[0]?.task_id ?? ''
}

describe('a watched run', () => {
  test('shows a progress bar with percentage, rate, ETA and message, then the result', async () => {
    // Long enough to see some of it, however late the terminal of a busy machine starts.
    await using screen = open(long(12, 120))
    const early = await screen.until((text) => / [1-8]?\d\/120/.test(text) && text.includes('ETA'))
    expect(early).toMatch(
      /● long …[\da-f]{8} running +━*─+ +\d+% \d+\/120 +[\d.]+\/s ETA \d+:\d\d  Working on step \d+ of 120/,
    )
    const later = await screen.until((text) => filled(text) > filled(early))
    expect(filled(later)).toBeGreaterThan(filled(early))
    expect(later.split('\n')).toHaveLength(1)
    expect(await screen.ended).toBe(0)
    expect(screen.text).toMatch(/✔ long …[\da-f]{8} completed ━+ 100% 120\/120/)
    expect(screen.text).toContain('"steps_completed": 120')
    // The cursor is visible again.
    expect(screen.written.lastIndexOf('\u001B[?25h')).toBeGreaterThan(
      screen.written.lastIndexOf('\u001B[?25l'),
    )
  })

  test('continues across kill -9 and a restart of the server', async () => {
    await using screen = open(long(4, 40))
    await screen.until((text) => / [5-9]\/40| [1-3]\d\/40/.test(text))
    await crash(() => screen.until((text) => text.includes(`cannot reach ${server.url}, retrying`)))
    await screen.until((text) => !text.includes('cannot reach'))
    expect(await screen.ended).toBe(0)
    expect(screen.text).toMatch(/completed ━+ 100% 40\/40/)
    expect(screen.text).toContain('attempt 2')
    expect(screen.text).toContain('"steps_completed": 40')
  })

  test('asks on Ctrl+C, and can leave the task running', async () => {
    await using screen = open(long(60, 60))
    await screen.until((text) => text.includes('running'))
    screen.type('\u0003')
    await screen.until((text) => text.includes('Leave it running [l], cancel it [c], or keep watching [w]?'))
    screen.type('w')
    await screen.until((text) => !text.includes('Leave it'))
    screen.type('\u0003')
    await screen.until((text) => text.includes('Leave it'))
    screen.type('l')
    expect(await screen.ended).toBe(130)
    const id = await onlyTask()
    expect(screen.text).toContain(`The task keeps running. Watch it with: fermata watch ${id}`)
    expect((await api.status(id)).status).toBe('running')
  })

  test('asks on Ctrl+C, and can cancel the task', async () => {
    await using screen = open(long(60, 60))
    await screen.until((text) => text.includes('running'))
    screen.type('\u0003')
    await screen.until((text) => text.includes('Leave it'))
    screen.type('c')
    expect(await screen.ended).toBe(3)
    expect(screen.text).toContain('⊘ long')
    expect((await api.status(await onlyTask())).status).toBe('cancelled')
  })

  test.each([
    ['leave', 130, 'running'],
    ['cancel', 3, 'cancelled'],
  ])('follows --on-interrupt %s on Ctrl+C', async (policy, code, status) => {
    await using screen = open([...long(60, 60), '--on-interrupt', policy])
    await screen.until((text) => text.includes('running'))
    screen.type('\u0003')
    expect(await screen.ended).toBe(code)
    expect((await api.status(await onlyTask())).status).toBe(status)
  })

  test('fits a narrow terminal and one that becomes narrower', async () => {
    await using screen = open(long(20, 20), { columns: 100, rows: 10 })
    await screen.until((text) => text.includes('ETA'))
    screen.resize(50, 10)
    const text = await screen.until(
      (text) => text.split('\n').every((line) => line.length < 50) && text.includes('ETA'),
    )
    expect(text.match(/ long /g)).toHaveLength(1)
  })

  test('has no colors with NO_COLOR', async () => {
    await using screen = open(long(0.3, 3), { env: { NO_COLOR: '1' } })
    expect(await screen.ended).toBe(0)
    const isColour = new RegExp(String.raw`\x1B\[[\d;]+m`)
    expect(screen.written).not.toMatch(isColour)
  })
})

describe('fermata watch', () => {
  test('without ids shows all running tasks as they come and go, across a restart', async () => {
    const first = await api.submit('long', { duration: 60, steps: 60 })
    await using screen = open(['watch'])
    await screen.until((text) => text.includes(first.slice(-8)))
    const second = await api.submit('long', { duration: 60, steps: 60 })
    await screen.until((text) => text.includes(second.slice(-8)) && text.includes(first.slice(-8)))
    await api.control(first, 'cancel')
    await screen.until((text) => !text.includes(first.slice(-8)) && text.includes(second.slice(-8)))
    await crash(() => screen.until((text) => text.includes('cannot reach')))
    await screen.until((text) => !text.includes('cannot reach') && /long …[\da-f]{8} running/.test(text))
    await new Api(server.url).control(second, 'cancel')
    await screen.until((text) => text.includes('No running tasks'))
    screen.type('\u0003')
    expect(await screen.ended).toBe(0)
  })

  test('with ids ends with the last of them; Ctrl+C leaves them running', async () => {
    const ids = [await api.submit('long', { duration: 1 }), await api.submit('long', { duration: 0.5 })]
    await using screen = open(['watch', ...ids])
    expect(await screen.ended).toBe(0)
    expect(screen.text.match(/completed/g)).toHaveLength(2)
    const other = await api.submit('long', { duration: 60 })
    await using left = open(['watch', other])
    await left.until((text) => text.includes('running'))
    left.type('\u0003')
    expect(await left.ended).toBe(130)
    expect((await api.status(other)).status).toBe('running')
  })

  test('shows as many as fit', async () => {
    for (let n = 0; n < 10; n++) await api.submit('long', { duration: 60 })
    await using screen = open(['watch'], { rows: 6 })
    const text = await screen.until((text) => text.includes('more tasks'))
    expect(text).toMatch(/… and \d+ more tasks/)
    expect(text.split('\n').length).toBeLessThanOrEqual(6)
  })
})

describe('fermata top', () => {
  test('fills the screen, follows resizes and a restart, and leaves no trace', async () => {
    for (let n = 0; n < 6; n++) await api.submit('long', { duration: 60, steps: 60 })
    await api.submit('long', {}, { delay: 3_600 })
    await using screen = open(['top'], { columns: 100, rows: 20 })
    const text = await screen.until((text) => text.includes('6 running, 1 waiting') && text.includes('ETA'))
    expect(text).toContain('6/10')
    expect(text.match(/● long/g)).toHaveLength(6)
    screen.resize(60, 11)
    const small = await screen.until((text) => text.includes('… and 4 more'))
    expect(small.split('\n').every((line) => line.length <= 60)).toBe(true)
    screen.resize(100, 20)
    await screen.until((text) => !text.includes('more'))
    await crash(() => screen.until((text) => text.includes('unreachable, retrying')))
    await screen.until((text) => text.includes('ready'))
    screen.type('q')
    expect(await screen.ended).toBe(0)
    expect(screen.text).toBe('')
    expect(screen.written.endsWith('\u001B[?1049l')).toBe(true)
  })
})

test('a batch shows a progress bar and submits its tasks', async () => {
  const line = `i=0; while [ $i -lt 3000 ]; do echo "{\\"a\\":$i,\\"b\\":1}"; i=$((i+1)); done`
  const main = new URL('../../src/main.ts', import.meta.url).pathname
  await using screen = open([], {
    command: ['sh', '-c', `{ ${line}; sleep 1; } | '${process.execPath}' '${main}' run add --batch -`],
  })
  await screen.until((text) => /[\d,]+ tasks  [\d,.]+\/(s|min)/.test(text))
  expect(await screen.ended).toBe(0)
  expect(screen.text).toMatch(/^Submitted 3,000 tasks of type add \([\d,.]+\/s\)$/)
})

describe('a bulk action', () => {
  test('changes the counted tasks, and none submitted while it asked', async () => {
    const submitCancelled = async () => {
      const id = await api.submit('long', {}, { delay: 3_600, tags: ['old'] })
      await api.control(id, 'cancel')
      return id
    }
    const old = await submitCancelled()
    await using screen = open(['bulk', 'purge', '--tag', 'old'])
    await screen.until((text) => text.includes('purge 1 task? [y/N]'))
    const late = await submitCancelled()
    screen.type('y\r')
    expect(await screen.ended).toBe(0)
    expect(screen.text).toMatch(/\nDeleted 1 task$/)
    const left = await Promise.all([old, late].map((id) => api.call('GET', `/api/task/${id}`)))
    expect(left.map(({ status }) => status)).toEqual([404, 200])
  })

  test('changes nothing if declined', async () => {
    const id = await api.submit('long', {}, { delay: 3_600, tags: ['old'] })
    await api.control(id, 'cancel')
    await using screen = open(['bulk', 'purge', '--tag', 'old'])
    await screen.until((text) => text.includes('purge 1 task? [y/N]'))
    screen.type('\r')
    expect(await screen.ended).toBe(3)
    expect(screen.text).toContain('Nothing changed.')
    expect((await api.call('GET', `/api/task/${id}`)).status).toBe(200)
  })
})
