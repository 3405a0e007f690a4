import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { childrenOf } from '../execution/processes.ts'
import { Api } from '../support/api.ts'
import { TestServer } from '../support/server.ts'
import { collect, sse } from '../support/sse.ts'

const tasks = join(import.meta.dirname, '../fixtures/faulty.ts')
const serve = (env: Record<string, string> = {}, under: readonly string[] = []) =>
  TestServer.start({ arguments: ['serve', '--tasks', tasks], env, under })
const timeout = 600_000

describe('inline code that throws an uncatchable error or exits the process', () => {
  test('fails its own task, and the server and other tasks continue', { timeout }, async () => {
    await using server = await serve({ FERMATA_MAX_CONCURRENT: '50' })
    const api = new Api(server.url)
    const innocent = await api.submit('long', { duration: 60 })
    await api.untilStatus(innocent, 'running')
    const failing = [
      ['timer', 'UNCAUGHT', /^Thrown in a timer, .* could catch it: from a timer$/],
      ['listener', 'UNCAUGHT', /from a listener$/],
      ['abort', 'UNCAUGHT', /the first one$/],
      ['promise', 'UNCAUGHT', /from a promise$/],
      ['exit', 'EXITED', /process\.exit\(0\)/],
      ['exit in a timer', 'EXITED', /process\.exit\(0\)/],
      ['exit that is caught', 'EXITED', /process\.exit\(0\)/],
      ['abort of the process', 'EXITED', /process\.abort\(\)/],
      ['kill', 'EXITED', /process\.kill\(process\.pid\)/],
    ] as const
    for (const [fault, code, message] of failing) {
      const id = await api.submit('faulty', { fault })
      const { error } = await api.untilStatus(id, 'failed')
      expect(error, fault).toMatchObject({ code, message: expect.stringMatching(message) })
    }
    const late = await api.submit('faulty', { fault: 'late catch' })
    await api.untilStatus(late, 'completed')
    const uncaught = server.logged('uncaught error in code of a finished task: the server continues')
    const left = await api.submit('faulty', { fault: 'left behind' })
    await api.untilStatus(left, 'completed')
    await uncaught
    expect((await api.call('GET', '/readyz')).status).toBe(200)
    expect(await api.status(innocent)).toMatchObject({ status: 'running', attempt: 1 })
    const set = await api.submit('faulty', { fault: 'exitCode' })
    await api.untilStatus(set, 'completed')
    const { code, stdout } = await server.stop()
    expect(code).toBe(0)
    const logged = stdout.split('\n').find((line) => line.includes('uncaught error in'))
    expect(logged).toMatch(/"message":"from a timer","stack":"[^"]*faulty\.ts.*"type":"faulty"/)
  })

  test('shows its stack only in the attempts of the task details', { timeout }, async () => {
    await using server = await serve()
    const api = new Api(server.url)
    const id = await api.submit('faulty', { fault: 'timer' })
    const status = await api.untilStatus(id, 'failed')
    const { attempts, ...details } = await api.details(id)
    expect(attempts).toMatchObject([{ error: { message: expect.stringMatching(/from a timer$/) } }])
    expect(attempts[0]?.error).toHaveProperty('stack', expect.stringMatching(/faulty\.ts:\d+:\d+/))
    const elsewhere = [
      details,
      status,
      (await api.call('GET', `/api/task/${id}/result`)).body,
      (await api.call('GET', '/api/task?status=failed')).body,
      (await api.call('GET', '/api/task?fields=task_id,error')).body,
      await collect(sse(`${server.url}/api/task/${id}/events`)),
      (await api.call('POST', `/api/task/${id}/pause`)).body,
    ]
    for (const body of elsewhere) expect(JSON.stringify(body)).not.toMatch(/stack|faulty\.ts/)
    expect(JSON.stringify(elsewhere)).toContain('from a timer')
  })

  test('outside any task ends the server with exit code 1 and releases its tasks', { timeout }, async () => {
    const fault = `process.once('SIGUSR2',()=>{setImmediate(()=>{throw/**/Error('nobody')})})`
    await using server = await serve({ NODE_OPTIONS: `--import=data:text/javascript,${fault}` })
    const api = new Api(server.url)
    const innocent = await api.submit('long', { duration: 60 })
    await api.untilStatus(innocent, 'running')
    server.signal('SIGUSR2')
    expect((await server.ended).code).toBe(1)
    await using next = await TestServer.start({ directory: server.directory })
    const { timeline } = await new Api(next.url).details(innocent)
    const moves = timeline.map(({ event }) => event)
    expect(moves).toContain('released')
    expect(moves).not.toContain('lost')
  })

  test('an exit by code outside any task is logged and is not a success', { timeout }, async () => {
    const fault = `process.once('SIGUSR2',()=>{setImmediate(()=>{process.exit(0)})})`
    await using server = await serve({ NODE_OPTIONS: `--import=data:text/javascript,${fault}` })
    server.signal('SIGUSR2')
    const { code, stdout } = await server.ended
    expect(code).toBe(1)
    expect(stdout).toMatch(/"level":60,.*process\.exit\(0\)/)
  })
})

describe('SIGHUP', () => {
  test('drains the server and its commands', { timeout }, async () => {
    await using server = await serve()
    const api = new Api(server.url)
    const id = await api.submit('long', { duration: 60 })
    await api.untilStatus(id, 'running')
    const command = await api.submit('napping', {})
    await api.until(command, ({ progress }) => progress !== null)
    // A terminal sends SIGHUP to all processes of its group, including the supervisor of commands.
    for (const supervisor of childrenOf(server.pid)) process.kill(supervisor, 'SIGHUP')
    server.signal('SIGHUP')
    expect(await server.ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/"signal":"SIGHUP"/) })
    await using next = await TestServer.start({ directory: server.directory })
    for (const each of [id, command]) {
      const { timeline } = await new Api(next.url).details(each)
      expect(timeline.map(({ event }) => event)).toContain('released')
      expect(timeline.map(({ event }) => event)).not.toContain('lost')
    }
  })

  test.each([
    ['nohup', ['env', '_=/usr/bin/nohup', 'nohup']],
    ['a parent that ignores it', ['sh', '-c', `trap '' HUP; "$@" & echo "$!" >&2; wait "$!"`, 'sh']],
  ])('is ignored under %s', { timeout }, async (_, under) => {
    await using server = await serve({}, under)
    const api = new Api(server.url)
    const { body } = await api.call('GET', '/api/nodes')
    const [{ pid }] = body['nodes'] as [{ pid: number }]
    const ignored = server.logged('ignored SIGHUP: the server was started to outlive its terminal')
    process.kill(pid, 'SIGHUP')
    await ignored
    expect((await api.call('GET', '/readyz')).status).toBe(200)
    process.kill(pid, 'SIGTERM')
    expect((await server.ended).code).toBe(0)
  })
})
