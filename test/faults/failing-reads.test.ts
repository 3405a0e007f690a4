import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Api } from '../support/api.ts'
import { TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import { DiskTrouble } from './disk-trouble.ts'
import { lacking } from './machine.ts'

const skipped = lacking('a disk whose reads fail', 'gcc') !== undefined

test.skipIf(skipped)(
  'a server whose disk fails to read for a while accepts writes again afterwards',
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'fermata-reads-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    using trouble = new DiskTrouble(directory)
    const start = () => TestServer.start({ directory, env: trouble.env })
    const first = await start()
    const id = await new Api(first.url).submit('add', { a: 1, b: 2 })
    await new Api(first.url).untilStatus(id, 'completed')
    await first.stop()
    // Nothing of the task is in the memory of this one.
    await using server = await start()
    const status = async (path: string) => (await fetch(`${server.url}${path}`)).status
    trouble.set('reads fail')
    expect(await status(`/api/task/${id}`)).toBe(503)
    expect(await status('/readyz')).toBe(503)
    trouble.set('none')
    await until('it is ready', async () => (await status('/readyz')) === 200)
    expect(await status(`/api/task/${id}`)).toBe(200)
    await new Api(server.url).submit('add', { a: 3, b: 4 })
  },
)
