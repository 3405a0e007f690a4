import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { Api, type Answer } from '../support/api.ts'
import { TestServer } from '../support/server.ts'
import { smallDisks, type SmallDisk } from './small-disk.ts'

const start = (disk: SmallDisk) =>
  TestServer.start({ directory: disk.directory, under: disk.under, env: { FERMATA_MAX_CONCURRENT: '3' } })

/** Submits from several callers, each with its own key, and records the responses. */
class Account {
  readonly stored = new Map<string, string>()
  readonly refused = new Set<string>()
  readonly unknown = new Set<string>()
  readonly answers: Answer[] = []
  #keys = 0

  async submit(api: Api): Promise<Answer> {
    const key = `key-${this.#keys++}`
    const answer = await api.post('/api/run/add', this.body(key))
    if (answer.status === 200) this.stored.set(key, String(answer.body['task_id']))
    else if (answer.body['outcome_unknown'] === true) this.unknown.add(key)
    else this.refused.add(key)
    this.answers.push(answer)
    return answer
  }

  submitMany(api: Api): Promise<unknown> {
    return Promise.all(Array.from({ length: 50 }, () => this.submit(api)))
  }

  async submitFor(api: Api, seconds: number): Promise<void> {
    const end = Date.now() + seconds * 1_000
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        while (Date.now() < end) if ((await this.submit(api)).status !== 200) await sleep(20)
      }),
    )
  }

  body(key: string): object {
    return { parameters: { a: 1, b: 2, pad: 'x'.repeat(1_000) }, idempotency_key: key }
  }

  /** Every acknowledged task exists and completes; no refused task was created. */
  async check(api: Api): Promise<void> {
    for (const [key, id] of this.stored) {
      expect(await api.untilStatus(id, 'completed'), key).toMatchObject({ status: 'completed' })
    }
    for (const key of [...this.refused].slice(-200)) {
      const { status, headers } = await api.post('/api/run/add', this.body(key))
      expect([status, headers.get('idempotency-replayed')], key).toEqual([200, null])
    }
  }
}

describe.each(smallDisks())('a disk without room', (make) => {
  test('refuses submits, serves reads and loses nothing; with room, it recovers on its own', async () => {
    using disk = make()
    await using server = await start(disk)
    const api = new Api(server.url)
    const account = new Account()
    await account.submitMany(api)
    const endless = await api.submit('long', { duration: 600, steps: 6_000 })
    const short = await api.submit('long', { duration: 2.5, steps: 50 })
    await api.until(short, ({ progress }) => (progress?.current ?? 0) > 2)

    disk.fill(server.pid)
    const refused = () => account.answers.filter(({ status }) => status !== 200)
    await account.submitFor(api, 3)
    while (refused().length <= 10) await account.submitFor(api, 1)
    const refusals = refused()
    for (const { status, headers, body } of refusals) {
      expect([status, body['code']]).toEqual([503, 'STORE_UNAVAILABLE'])
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    }
    if (disk.kind === 'file system') {
      expect(refusals.at(-1)?.body['detail']).toContain('The disk is full: nothing was recorded.')
      expect(account.unknown.size).toBe(0)
    } else expect(account.unknown.size).toBeGreaterThan(0)
    const paused = await api.control(endless, 'pause')
    if (disk.kind === 'file system') expect(paused.body['status'], 'the reserve takes a pause').toBe('paused')
    else expect(paused).toMatchObject({ status: 503, body: { code: 'STORE_UNAVAILABLE' } })
    const ready = await api.call('GET', '/readyz')
    expect([ready.status, ready.body['code']]).toEqual([503, 'NOT_READY'])
    for (const id of [...account.stored.values(), endless, short]) {
      expect((await api.call('GET', `/api/task/${id}/status`)).status, 'reads go on').toBe(200)
    }
    if (disk.kind === 'file system') {
      expect(await api.untilStatus(short, 'completed'), 'the reserve takes its end').toBeDefined()
    }

    const before = (await api.call('GET', '/healthz')).status
    disk.free(server.pid)
    const freed = Date.now()
    await expect
      .poll(async () => (await api.call('GET', '/readyz')).status, { timeout: 60_000, interval: 100 })
      .toBe(200)
    if (disk.kind === 'file system') await api.control(endless, 'resume')
    while ((await account.submit(api)).status !== 200) await sleep(50)
    await api.untilStatus(short, 'completed')
    expect(before).toBe(200)
    console.log(
      `disk (${disk.kind}): ${account.stored.size} acknowledged, ${account.refused.size} refused, ` +
        `${account.unknown.size} unknown; all well ${Date.now() - freed} ms after there was room`,
    )
    await account.check(api)
    const { progress } = await api.until(endless, ({ status }) => status === 'running')
    await api.until(endless, (now) => (now.progress?.current ?? 0) > (progress?.current ?? 0))
    expect((await api.control(endless, 'pause')).body['status']).toBe('paused')
    expect((await server.stop()).code).toBe(0)
  })

  test('keeps acknowledged tasks through a kill and a start that fails', async () => {
    using disk = make()
    const account = new Account()
    const first = await start(disk)
    await account.submitMany(new Api(first.url))
    disk.fill(first.pid)
    while (account.refused.size + account.unknown.size <= 5) await account.submitFor(new Api(first.url), 1)
    await first.stop('SIGKILL')
    if (disk.kind === 'file system') {
      const between = await start(disk)
      const there = new Api(between.url)
      for (const id of account.stored.values()) {
        expect((await there.call('GET', `/api/task/${id}/status`)).status, 'reads on a full disk').toBe(200)
      }
      await between.stop('SIGKILL')
      disk.free(first.pid)
    }
    await using second = await start(disk)
    expect(account.stored.size).toBeGreaterThanOrEqual(50)
    await account.check(new Api(second.url))
  })
})
