import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openSqlite } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { FakeClock } from '../../src/testing/clock.ts'
import { node, fromApi, submission } from '../support/tasks.ts'
import { Api } from '../support/api.ts'
import { TestServer } from '../support/server.ts'
import { smallDisks, type SmallDisk } from './small-disk.ts'

const clock = new FakeClock()
const pad = `"${'x'.repeat(2_000)}"`
const fileSystems = smallDisks()
  .map((make) => make)
  .filter((make) => {
    using disk = make()
    return disk.kind === 'file system'
  })

/** Submits until the disk is full; returns the stored ids. */
async function fill(store: Store, disk: SmallDisk): Promise<string[]> {
  const stored: string[] = []
  const submit = (id: string) => store.submit([submission({ id, parameters: pad })], fromApi)
  for (let n = 0; n < 200; n++) {
    await submit(`before-${n}`)
    stored.push(`before-${n}`)
  }
  disk.fill(process.pid)
  for (let n = 0; n < 10_000; n++) {
    try {
      await submit(`after-${n}`)
      stored.push(`after-${n}`)
    } catch (error) {
      expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', unknown: false, message: /disk is full/ })
      return stored
    }
  }
  throw new Error('the disk took everything')
}

async function cancelAndPurge(store: Store, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    expect(await store.control([{ id, control: 'cancel', by: 'api' }])).toMatchObject([{ kind: 'moved' }])
    expect(await store.purge([id])).toEqual([{ kind: 'purged' }])
  }
}

describe.each(fileSystems)('a full disk', (make) => {
  test.each([0, 1, 2, 3])(
    'accepts deletes, and submits into the space they free, on a disk that stays full, %i pages later',
    async (shift) => {
      using disk = make()
      await using store = await openSqlite(join(disk.directory, 'fermata.db'), { clock })
      await store.startNode(node('one'))
      // Each is a page in the log: whether the next commit fits into it must not matter.
      for (let n = 0; n < shift; n++) await store.probe()
      const stored = await fill(store, disk)
      await expect(store.probe()).rejects.toMatchObject({ message: /disk is full/ })
      await cancelAndPurge(store, stored)
      await store.probe()
      for (let n = 0; n < 50; n++) {
        expect(await store.submit([submission({ id: `new-${n}`, parameters: pad })], fromApi)).toMatchObject({
          kind: 'accepted',
        })
      }
      // Fill it again, and free space again.
      const more = await fillAgain(store)
      expect(more.length).toBeGreaterThan(stored.length / 3)
      await cancelAndPurge(store, [...Array.from({ length: 50 }, (_, n) => `new-${n}`), ...more])
      await store.probe()
    },
  )

  test('opens with what a kill left of the reserve, and accepts deletes', async () => {
    using disk = make()
    const path = join(disk.directory, 'fermata.db')
    const first = await TestServer.start({ directory: disk.directory, env: { FERMATA_MAX_CONCURRENT: '0' } })
    const api = new Api(first.url)
    const ids: string[] = []
    for (let n = 0; n < 200; n++) ids.push(await api.submit('add', { a: n, b: 1, pad: 'x'.repeat(1_000) }))
    disk.fill(first.pid)
    await first.stop('SIGKILL')
    await using store = await openSqlite(path, { clock })
    await store.startNode(node('two'))
    expect(await store.get(ids[0]!)).toMatchObject({ id: ids[0] })
    await cancelAndPurge(store, ids.slice(0, 100))
  })

  test('without a reserve serves reads, and starts on its own when there is room', async () => {
    using disk = make()
    const env = { FERMATA_MAX_CONCURRENT: '2' }
    const first = await TestServer.start({ directory: disk.directory, env })
    const id = await new Api(first.url).submit('add', { a: 1, b: 2 })
    await new Api(first.url).untilStatus(id, 'completed')
    expect((await first.stop()).code).toBe(0)
    await rm(join(disk.directory, 'fermata.db-reserve'))
    disk.fill(0)
    await using second = await TestServer.start({ directory: disk.directory, env })
    const api = new Api(second.url)
    expect(await api.status(id)).toMatchObject({ status: 'completed' })
    const ready = await api.call('GET', '/readyz')
    expect([ready.status, ready.body['detail']]).toEqual([503, expect.stringMatching(/disk is full/)])
    expect((await api.post('/api/run/add', { parameters: { a: 1, b: 2 } })).body).toMatchObject({
      code: 'STORE_UNAVAILABLE',
    })
    disk.free(0)
    await expect
      .poll(async () => (await api.call('GET', '/readyz')).status, { timeout: 60_000, interval: 200 })
      .toBe(200)
    await api.untilStatus(await api.submit('add', { a: 1, b: 2 }), 'completed')
    expect((await second.stop()).code).toBe(0)
  })
})

/** Submits until the space that deletes have freed is used up. */
async function fillAgain(store: Store): Promise<string[]> {
  const stored: string[] = []
  for (let n = 0; n < 10_000; n++) {
    const id = `again-${n}`
    try {
      await store.submit([submission({ id, parameters: pad })], fromApi)
      stored.push(id)
    } catch {
      return stored
    }
  }
  throw new Error('the disk took everything')
}
