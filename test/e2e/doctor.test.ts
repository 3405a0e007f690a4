import { chmodSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { run, TestServer } from '../support/server.ts'

type Findings = Readonly<{
  findings: readonly Readonly<{ subject: string; state: string; detail: string }>[]
}>

test('doctor finds what is wrong with a database, and prune deletes old tasks and frees their space', async () => {
  await using server = await TestServer.start({ env: { FERMATA_MAX_CONCURRENT: '50' } })
  const api = new Api(server.url)
  const tasks = Array.from({ length: 500 }, (_, b) => ({ parameters: { a: 1, b }, tags: ['x'.repeat(60)] }))
  const { body } = await api.post('/api/run/add/batch', { tasks })
  for (const id of body['task_ids'] as string[]) await api.untilStatus(id, 'completed')
  const database = TestServer.databaseIn(server.directory)
  const path = join(server.directory, 'fermata.db')
  const doctor = async (...args: readonly string[]) => {
    const { code, stdout } = await run(['doctor', '--json', '--database', database, ...args])
    const { findings } = JSON.parse(stdout) as Findings
    return { code, of: Object.fromEntries(findings.map((one) => [one.subject, one])) }
  }

  const running = await doctor()
  expect(running).toMatchObject({ code: 0, of: { database: { state: 'warning' } } })
  expect(running.of['database']?.detail).toContain('is in use')
  await server.stop()

  const sound = await doctor()
  expect(sound.code).toBe(0)
  for (const subject of ['version', 'configuration', 'address', 'permissions', 'schema', 'integrity'])
    expect(sound.of[subject]).toMatchObject({ state: 'ok' })
  expect(sound.of['counts']).toMatchObject({ state: 'ok', detail: 'agree with the 500 tasks' })

  chmodSync(path, 0o644)
  using db = disposable(new DatabaseSync(path))
  db.exec(`update counters set tasks = tasks + 1 where status = 'completed'`)
  db.close()
  const broken = await doctor('--tasks', join(server.directory, 'missing.ts'), '--host', '0.0.0.0')
  expect(broken).toMatchObject({
    code: 1,
    of: {
      permissions: { state: 'warning' },
      address: { state: 'warning' },
      'task types': { state: 'failed' },
      counts: { state: 'failed', detail: 'disagree: add completed: 501 counted, 500 found' },
    },
  })
  const text = await run(['doctor', '--database', database])
  expect(text.stdout).toMatch(/^failed +counts +disagree/m)

  using old = disposable(new DatabaseSync(path))
  old.exec(`update counters set tasks = tasks - 1 where status = 'completed'`)
  old.exec('update tasks set completed_at = completed_at - 86400000 where row_id > 10')
  old.close()
  const before = statSync(path).size
  const pruned = await run(['prune', '--database', database, '--retention', '1h'])
  expect(pruned).toMatchObject({ code: 0, stderr: '' })
  expect(pruned.stdout).toMatch(
    /^490 tasks, 0 entries of the audit log and 0 deliveries were deleted from .* The file has/,
  )
  expect(statSync(path).size).toBeLessThan(before / 2)
  expect((await doctor()).of['counts']?.detail).toBe('agree with the 10 tasks')
})

function disposable(db: DatabaseSync) {
  return Object.assign(db, { [Symbol.dispose]: () => db.isOpen && db.close() })
}
