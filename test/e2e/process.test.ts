import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { cpuMilliseconds } from '../execution/processes.ts'
import { head, open } from '../hardening/bare.ts'
import { Api } from '../support/api.ts'
import { run, TestServer } from '../support/server.ts'
import { collect, sse } from '../support/sse.ts'

describe('a start', () => {
  test.each([
    [{ PORT: '99999' }, [], 'PORT=99999'],
    [{ FERMATA_MAX_CONCURRENT: '-1' }, [], 'FERMATA_MAX_CONCURRENT=-1'],
    [{ LOG_LEVEL: 'loud' }, [], 'LOG_LEVEL=loud'],
    [{}, ['--retention', 'forever'], '--retention forever'],
  ])('with a bad setting fails in one line: %j %j', async (env, args, named) => {
    const { code, stdout, stderr } = await run(['serve', ...args], {
      DATABASE_URL: 'sqlite::memory:',
      ...env,
    })
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^fermata: [^\n]+ must be [^\n]+\n$/)
    expect(stderr).toContain(named)
  })

  test('with an unknown setting fails with one line', async () => {
    const { code, stderr } = await run(['serve'], { FERMATA_MAX_CONCURENT: '3' })
    expect(code).toBe(2)
    expect(stderr).toBe(
      'fermata: FERMATA_MAX_CONCURENT is not a known setting: did you mean FERMATA_MAX_CONCURRENT?\n',
    )
  })

  test('with an invalid database URL fails immediately and creates nothing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fermata-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const addresses = [
      'mysql://me:s3cret@host/db',
      'postgres://u:1#s3cret@host/db',
      'postgres://u:s3cret@127.0.0.1:1/db?shema=x',
      'sqlite:~/x.db',
      'sqlite:x.db?mode=ro',
      'sqlite:/proc/fermata/x.db',
      'sqlite:/dev/null/x.db',
      'sqlite:/dev/null',
      `sqlite:${'x'.repeat(300)}/x.db`,
      `sqlite:${tmpdir()}`,
    ]
    await Promise.all(
      addresses.map(async (address, index) => {
        const command = index % 2 === 0 ? 'serve' : 'migrate'
        const { code, stdout, stderr } = await run([command], { DATABASE_URL: address }, folder)
        expect([code, stdout], address).toEqual([2, ''])
        expect(stderr).toMatch(
          /^fermata: The database URL "[^\n]+" is invalid: [^\n]+ It is set by --database or DATABASE_URL\.\n$/,
        )
        expect(stderr).not.toMatch(/s3|cret/)
      }),
    )
    expect(await readdir(folder)).toEqual([])
  })

  test('accepts variables of a Kubernetes service or of an enclosing task', async () => {
    const env = {
      FERMATA_SERVICE_HOST: '10.0.0.7',
      FERMATA_SERVICE_PORT: '8000',
      FERMATA_PORT: 'tcp://10.0.0.7:8000',
      FERMATA_PORT_8000_TCP_ADDR: '10.0.0.7',
      FERMATA_TASK_ID: '01890a5d-ac96-774b-bcce-b302099a8057',
    }
    await using server = await TestServer.start({ env })
    expect((await new Api(server.url).call('GET', '/readyz')).status).toBe(200)
  })

  test('with an unknown flag or command fails with the usage exit code', async () => {
    expect((await run(['serve', '--nope'])).code).toBe(2)
    expect((await run(['nope'])).code).toBe(2)
    expect((await run(['serve', 'nope'])).code).toBe(2)
  })

  test('as a worker needs a shared database and slots', async () => {
    const shared = 'postgres://127.0.0.1:1/nothing'
    for (const [args, reason] of [
      [['worker'], /^fermata: A worker shares its database [^\n]*\n$/],
      [
        ['worker', '--database', shared, '--max-concurrent', '0'],
        /^fermata: A worker without slots [^\n]*\n$/,
      ],
    ] as const) {
      expect(await run(args)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(reason) })
    }
  })

  test('of migrate migrates the file, reports what it did, and exits', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fermata-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const env = { DATABASE_URL: `sqlite:${join(folder, 'tasks.db')}` }
    expect((await run(['migrate'], env)).stdout).toMatch(/tasks\.db was created: schema \d+\.\n$/)
    expect(await run(['migrate'], env)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/tasks\.db was up to date: schema \d+\.\n$/),
      stderr: '',
    })
  })

  test('lists every setting with its default', async () => {
    const { code, stdout } = await run(['serve', '--help'])
    expect(code).toBe(0)
    for (const part of [
      '--port',
      'PORT',
      '8000',
      '--database',
      'sqlite:./fermata.db',
      'FERMATA_DRAIN',
      '25s',
    ]) {
      expect(stdout).toContain(part)
    }
    expect((await run(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  test('with npx works in a clone without a build', () => {
    const { status, stdout } = spawnSync('npx', ['--offline', 'fermata', '--version'], {
      cwd: join(import.meta.dirname, '..', '..'),
      encoding: 'utf8',
    })
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)])
  })

  test('on an old Node says in one line which version it needs', () => {
    const older = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })`
    for (const entry of ['bin/fermata.js', 'tools/runtime/fermata.js']) {
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        ['--import', `data:text/javascript,${older}`, join(import.meta.dirname, '../..', entry), '--version'],
        { encoding: 'utf8' },
      )
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
      expect(stderr).toMatch(
        /^fermata: Node\.js 24\.16 or newer is needed, and this is 20\.20\.2 \([^\n]+\n$/,
      )
    }
  })

  test('with a port or database that is in use fails with one line', async () => {
    await using server = await TestServer.start()
    const busy = await run(['serve', '--port', String(server.port), '--database', 'sqlite::memory:'])
    expect(busy).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^fermata: Port \d+ [^\n]* in use[^\n]*\n$/),
    })
    const shared = await run(['serve'], { DATABASE_URL: `sqlite:${join(server.directory, 'fermata.db')}` })
    expect(shared).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^fermata: [^\n]*fermata\.db[^\n]*\n$/),
    })
    const foreign = join(server.directory, 'notes.txt')
    await writeFile(foreign, 'this is no database, but it is long enough to look like one'.repeat(100))
    expect(await run(['serve'], { DATABASE_URL: `sqlite:${foreign}` })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^fermata: [^\n]*notes\.txt[^\n]*\n$/),
    })
    expect((await new Api(server.url).call('GET', '/readyz')).status).toBe(200)
  })

  test('takes little processor time', async () => {
    await using server = await TestServer.start()
    expect((await new Api(server.url).call('GET', '/api')).status).toBe(200)
    expect(cpuMilliseconds(server.pid)).toBeLessThan(2_000)
  })

  test('on all interfaces logs a warning', async () => {
    await using server = await TestServer.start({ env: { HOST: '0.0.0.0' } })
    expect((await fetch(`http://127.0.0.1:${server.port}/api`)).status).toBe(200)
    const { stdout } = await server.stop()
    expect(stdout).toContain('anyone who can reach this address can run tasks')
  })
})

describe('a stop by a signal', () => {
  test('keeps running tasks, closes streams and exits with 0; the next start continues from the checkpoint', async () => {
    await using first = await TestServer.start()
    const api = new Api(first.url)
    const id = await api.submit('long', { duration: 4, steps: 40 })
    const queued = await api.submit('add', { a: 1, b: 2 }, { delay: 3_600 })
    const stream = collect(sse(`${first.url}/api/task/${id}/events`))
    const before = await api.until(id, ({ progress }) => (progress?.current ?? 0) >= 5)
    expect(await first.stop('SIGTERM')).toMatchObject({ code: 0, signal: null, stderr: '' })
    expect((await stream).at(-1)).toMatchObject({ event: 'transition', data: { event: 'released' } })

    await using second = await TestServer.start({ directory: first.directory })
    const next = new Api(second.url)
    const events = await collect(sse(`${second.url}/api/task/${id}/events`))
    const steps = events.flatMap(({ event, data }) => (event === 'progress' ? [Number(data['current'])] : []))
    expect(Math.min(...steps)).toBeGreaterThanOrEqual(before.progress?.current ?? Infinity)
    expect(await next.status(id)).toMatchObject({ status: 'completed', attempt: 1 })
    expect((await next.status(queued)).status).toBe('scheduled')
    const { body } = await next.call('GET', `/api/task/${id}/result`)
    expect(body['result']).toMatchObject({ status: 'completed', steps_completed: 40, duration_requested: 4 })
  })

  test('is not ready immediately, and keeps responding while it drains', async () => {
    await using server = await TestServer.start({ env: { FERMATA_DRAIN: '4s' } })
    const api = new Api(server.url)
    // The handler is between two pause points: one step takes longer than the first half of the drain.
    const id = await api.submit('fib', { n: 1_000_000 })
    const long = await api.submit('long', { duration: 60 })
    await api.untilStatus(long, 'running')
    server.signal('SIGINT')
    const seen: number[] = []
    for (;;) {
      try {
        seen.push((await api.call('GET', '/readyz')).status)
        expect((await api.call('GET', `/api/task/${id}/status`)).status).toBeLessThan(504)
        const refused = await api.post('/api/run/add', { parameters: { a: 1, b: 2 } })
        expect([200, 503]).toContain(refused.status)
      } catch (error) {
        if (error instanceof TypeError) break
        throw error
      }
    }
    expect(seen.filter((status) => status !== 200 && status !== 503)).toEqual([])
    expect(await server.ended).toMatchObject({ code: 0 })
  })

  test('a second signal ends it immediately', async () => {
    await using server = await TestServer.start()
    // A client that never finishes its request delays the exit.
    const held = await open(server.port)
    held.write(head('POST /api/run/add', { 'content-type': 'application/json', 'content-length': 100 }))
    expect((await new Api(server.url).call('GET', '/api')).status).toBe(200)
    const drains = server.logged('stopping: waiting for running tasks to finish or reach a pause point')
    server.signal('SIGTERM')
    await drains
    server.signal('SIGTERM')
    expect((await server.ended).code).toBe(143)
    held.destroy()
  })
})

describe('a fault in user code', () => {
  /** A server that runs this code on SIGUSR2. */
  const faulty = (code: string) =>
    TestServer.start({
      env: {
        NODE_OPTIONS: `--import=data:text/javascript,process.once('SIGUSR2',()=>{setImmediate(()=>{${code}})})`,
      },
    })

  test('that is a floating promise is logged, and the server continues', async () => {
    await using server = await faulty(`Promise.reject(Error('forgotten'))`)
    const logged = server.logged('unhandled rejection: the server continues')
    server.signal('SIGUSR2')
    expect(await logged).toMatchObject({ err: { message: 'forgotten' } })
    expect((await new Api(server.url).call('GET', '/readyz')).status).toBe(200)
    expect(await server.stop()).toMatchObject({ code: 0 })
  })

  test('that nothing could catch ends it with a line in the log', async () => {
    await using server = await faulty(`throw/**/Error('lost')`)
    server.signal('SIGUSR2')
    const { code, stdout } = await server.ended
    expect(code).toBe(1)
    expect(stdout).toMatch(/"level":60,.*lost/)
  })
})

test('after kill -9, paused tasks are paused and running tasks continue', async () => {
  await using first = await TestServer.start()
  const api = new Api(first.url)
  const paused = await api.submit('long', { duration: 60, steps: 600 })
  const running = await api.submit('long', { duration: 60, steps: 600 })
  await api.until(paused, ({ progress }) => (progress?.current ?? 0) >= 2)
  await api.control(paused, 'pause')
  const still = await api.untilStatus(paused, 'paused')
  const moving = await api.until(running, ({ progress }) => (progress?.current ?? 0) >= 12)
  await first.stop('SIGKILL')

  await using second = await TestServer.start({ directory: first.directory })
  const next = new Api(second.url)
  expect(await next.status(paused)).toMatchObject({
    status: 'paused',
    progress: { current: still.progress?.current },
  })
  const on = await next.untilStatus(running, 'running')
  expect(on.progress?.current).toBeGreaterThanOrEqual((moving.progress?.current ?? 0) - 1)
  const { timeline, attempts } = await next.details(running)
  expect(timeline.map(({ event }) => event)).toContain('lost')
  expect(attempts.map(({ event }) => event)).toEqual(['lost', null])
  expect((await next.control(paused, 'resume')).body['status']).toBe('running')
  for (const id of [paused, running]) expect((await next.control(id, 'cancel')).status).toBe(200)
})
