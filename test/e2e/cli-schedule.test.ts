import { afterAll, beforeAll, expect, test } from 'vitest'
import { Fermata } from '../../src/client/index.ts'
import { Screen } from '../support/screen.ts'
import { run, TestServer, type Ended } from '../support/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await TestServer.start()
})
afterAll(() => server[Symbol.asyncDispose]())

const fermata = (...args: string[]): Promise<Ended> => run(['schedule', ...args], { FERMATA_URL: server.url })
const nine = ['0 9 * * 1-5', 'add', '--parameters', '{"a":1,"b":2}', '--timezone', 'Europe/Berlin']

test('a schedule is added, listed, shown, run, filled back and deleted in a pipe', async () => {
  const preview = await fermata('add', ...nine, '--dry-run')
  expect(preview).toMatchObject({ code: 0, stdout: '' })
  expect(preview.stderr).toContain('At 09:00, Monday through Friday (Europe/Berlin)')
  expect(preview.stderr).toMatch(/Next: (Mon|Tue|Wed|Thu|Fri) \d{4}-\d\d-\d\d 09:00:00/)
  expect((await fermata('list', '-q')).stdout).toBe('')

  expect(
    await fermata('add', ...nine, '--id', 'nightly', '--overlap', 'buffer_all', '--tag', 'a'),
  ).toMatchObject({
    code: 0,
    stdout: 'nightly\n',
  })
  const client = new Fermata({ url: server.url })
  expect(await client.getSchedule('nightly')).toMatchObject({
    overlap: 'buffer_all',
    options: { tags: ['a'] },
  })
  expect((await fermata('list')).stdout).toMatch(/nightly +add +At 09:00/)
  expect((await fermata('show', 'nightly')).stdout).toMatch(/Next +\w{3} \d{4}-\d\d-\d\d 09:00:00/)
  const task = (await fermata('run', 'nightly')).stdout.trim()
  expect((await client.getTaskResult(task, { wait: 10 })).result).toBe(3)
  expect((await fermata('ticks', 'nightly')).stdout).toContain(task)
  expect((await fermata('pause', 'nightly', '--reason', 'broken')).stdout).toBe('Paused nightly.\n')
  expect((await fermata('show', 'nightly')).stdout).toContain('paused by anonymous: broken')
  expect((await fermata('backfill', 'nightly', '--from', '8d')).stdout).toMatch(
    /^Added [56] ticks to nightly\.$/m,
  )
  const newest = await client.listTicks('nightly', { limit: 2 })
  const older = await client.listTicks('nightly', { limit: 2, cursor: newest.next_cursor! })
  expect(older.ticks[0]!.tick_at).toBeLessThan(newest.ticks[1]!.tick_at)
  expect((await fermata('resume', 'nightly')).stdout).toBe('Resumed nightly.\n')
  expect((await fermata('delete', 'nightly')).stdout).toContain('Deleted nightly.')
  expect(await fermata('show', 'nightly')).toMatchObject({ code: 1, stdout: '' })
})

test('its tasks start under limits and take turns', async () => {
  const client = new Fermata({ url: server.url })
  const admission = ['--limit-key', 'mail-api=acme', '--limit-key', 'smtp=', '--fairness-key', 'tenant']
  const add = () => fermata('add', ...nine, '--id', 'mails', ...admission)
  const { code, stderr } = await add()
  expect(stderr).toContain('there is no limit of this name')
  expect(code).not.toBe(0)
  await client.setLimit('mail-api', { concurrency: 1 })
  await client.setLimit('smtp', { concurrency: 5 })
  expect(await add()).toMatchObject({ code: 0, stdout: 'mails\n' })
  const options = { limits: { 'mail-api': 'acme', smtp: '' }, fairness_key: 'tenant' }
  expect((await client.getSchedule('mails')).options).toEqual(options)
  const id = (await fermata('run', 'mails')).stdout.trim()
  expect(await client.getTask(id)).toMatchObject(options)
  const again = { type: 'add', parameters: { a: 1, b: 2 }, every: '1h', options }
  const replaced = await client.replaceSchedule('mails', again)
  expect(replaced.options).toEqual(options)
  await expect(
    client.replaceSchedule('mails', { ...again, options: { limits: { none: '' } } }),
  ).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
  await client.deleteSchedule('mails')
})

test('every takes a type alone, and mistakes name their remedy', async () => {
  const args = ['add', '--every', '15m', '--parameters', '{"a":1,"b":2}', '--until', '2h', '--json']
  const made = JSON.parse((await fermata('add', ...args)).stdout) as { every: number; until: number }
  expect(made).toMatchObject({ every: 900, in_words: 'Every 15 minutes' })
  expect(made.until).toBeGreaterThan(Date.now() / 1_000 + 7_000)
  for (const [args, reason] of [
    [['add', 'add'], 'needs a cron expression in quotes and a type'],
    [['add', '61 * * * *', 'add', '--parameters', '{"a":1,"b":2}'], 'Invalid value for minute: 61'],
    [['add', '* * * * *', 'add', '--parameters', '[1]'], 'must be a JSON object'],
    [['add', '* * * * *', 'add'], 'parameters'],
    [['backfill', 'x'], 'needs --from'],
    [['fly'], 'unknown action fly'],
  ] as const) {
    const { code, stderr } = await fermata(...args)
    expect(stderr).toContain(reason)
    expect(code).not.toBe(0)
  }
})

test('a terminal shows the words before the schedule is created, and a table', async () => {
  await using adding = new Screen(['schedule', 'add', ...nine, '--id', 'seen'], {
    env: { FERMATA_URL: server.url },
  })
  expect(await adding.ended).toBe(0)
  expect(adding.text).toMatch(/At 09:00, Monday through Friday \(Europe\/Berlin\)\s+Next: [^]*seen/)
  await using list = new Screen(['schedule', 'list'], { env: { FERMATA_URL: server.url } })
  expect(await list.ended).toBe(0)
  expect(list.text).toMatch(/ID +TYPE +TICKS +NEXT/)
  expect(list.text).toMatch(/seen +add +At 09:00, Monday through Friday +in \d+[smhd]/)
})
