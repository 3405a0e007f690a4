import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { z } from 'zod'
import { defineTask, openTaskManager, type TaskManager } from '../src/index.ts'
import { median } from './measure.ts'
import { temporaryFolder } from './place.ts'

/**
 * `npm run bench:waiting`, or `-- links` without the first part: what tasks cost that wait on SQLite, how fast one task passes on to the next, and 10,000 children and predecessors beside as
 * many plain tasks.
 */
const [mode, file = '', lasts = '30'] = process.argv.slice(2)
const waiting = 100_000
const links = 1_000
const many = 10_000
const rounds = 5
const slots = 100

const none = z.object({})
let ended = 0
let onEnd: () => void = () => undefined
const noop = defineTask({
  type: 'noop',
  parameters: none,
  run: () => {
    ended++
    onEnd()
    return null
  },
})
let open: () => void = () => undefined
const gate = defineTask({
  type: 'gate',
  parameters: none,
  run: () => new Promise<null>((resolve) => (open = () => resolve(null))),
})
const parent = defineTask({
  type: 'parent',
  parameters: none,
  run: async (_, task) => {
    const children = Array.from({ length: many }, () => ({}))
    await task.spawnAll(noop, children, { onParentEnd: 'leave' })
    return null
  },
})
const asks = defineTask({
  type: 'asks',
  parameters: none,
  run: async (_, task) => {
    await task.wait('answer', { message: 'Well?' })
    return null
  },
})
const sleeps = defineTask({
  type: 'sleeps',
  parameters: none,
  run: async (_, task) => {
    await task.sleep('30d')
    return null
  },
})

const manage = (database: string, maxConcurrent: number): Promise<TaskManager> =>
  openTaskManager({
    database,
    tasks: [noop, gate, parent, asks, sleeps],
    maxConcurrent,
    maxQueued: 1_000_000,
    drain: 1,
  })

if (mode === 'fill') await fill(`sqlite:${file}`)
else if (mode === 'idle') await idle(`sqlite:${file}`, Number(lasts))
else {
  if (mode !== 'links') await measureIdle()
  await measureLinks()
}

async function measureIdle(): Promise<void> {
  using folder = temporaryFolder()
  await inProcess('fill', folder.file('waiting.db'))
  const without = await idleIn(folder.file('empty.db'))
  const full = await idleIn(folder.file('waiting.db'))
  console.table({ 'no tasks': without, [`${waiting} waiting`]: full })
}

async function measureLinks(): Promise<void> {
  using folder = temporaryFolder()
  await using manager = await manage(`sqlite:${folder.file('links.db')}`, slots)
  const chains: number[] = []
  const rates: Readonly<{ plain: number; out: number; in: number }>[] = []
  for (let round = 0; round <= rounds; round++) {
    const chain = await passOn(manager)
    // In turn, because the speed of a machine drifts.
    const rate = { plain: await plain(manager), out: await fanOut(manager), in: await fanIn(manager) }
    // The first one warms up.
    if (round === 0) continue
    chains.push(chain)
    rates.push(rate)
  }
  const plainRate = median(rates.map(({ plain: one }) => one))
  const shown = (name: string, rate: number) =>
    `${name}: ${Math.round(rate)} tasks/s, ${(rate / plainRate).toFixed(2)} of plain`
  console.log(`a chain of ${links}: ${median(chains).toFixed(2)} ms a link`)
  console.log(shown(`${many} plain tasks`, plainRate))
  console.log(shown(`${many} children of one`, median(rates.map(({ out }) => out))))
  console.log(shown(`${many} predecessors of one`, median(rates.map((one) => one.in))))
}

/** A third waits for an answer, a third sleeps, and a third waits for a task. */
async function fill(database: string): Promise<void> {
  await using manager = await manage(database, 2_000)
  const each = Math.floor(waiting / 3)
  await manager.hold('gate', true)
  const { id } = await manager.submit(gate, {})
  const list = (count: number) => Array.from({ length: count }, () => ({}))
  for (let at = 0; at < each; at += 1_000) {
    const portion = list(Math.min(1_000, each - at))
    await manager.submitAll(asks, portion)
    await manager.submitAll(sleeps, portion)
    await manager.submitAll(noop, portion, { after: [id] })
  }
  await manager.submitAll(asks, list(waiting - 3 * each))
  for (;;) {
    const { byType } = (await manager.stats()).counts
    const now = Object.values(byType).reduce((sum, { waiting: own = 0 }) => sum + own, 0)
    if (now >= waiting) return
    await sleep(500)
  }
}

/** A node that has nothing to do: its memory, and the processor time that it takes. */
async function idle(database: string, seconds: number): Promise<void> {
  await using _manager = await manage(database, slots)
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  // What a start does is over.
  await sleep(5_000)
  collect()
  const began = process.cpuUsage()
  await sleep(seconds * 1_000)
  const { user, system } = process.cpuUsage(began)
  collect()
  const { rss, heapUsed } = process.memoryUsage()
  const figures = {
    'RSS MiB': Math.round(rss / 2 ** 20),
    'heap MiB': Math.round(heapUsed / 2 ** 20),
    'CPU ms/s': Number(((user + system) / 1_000 / seconds).toFixed(2)),
  }
  process.stdout.write(`${JSON.stringify(figures)}\n`)
}

async function idleIn(path: string): Promise<Record<string, number>> {
  return JSON.parse(await inProcess('idle', path)) as Record<string, number>
}

async function inProcess(what: string, path: string): Promise<string> {
  const child = spawn(process.execPath, [import.meta.filename, what, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${what} ended with ${code}`)
  return text
}

function ends(count: number): Promise<void> {
  ended = 0
  return new Promise((resolve) => {
    onEnd = () => {
      if (ended === count) resolve()
    }
  })
}

/** Milliseconds from the end of a task to that of the next one behind it. */
async function passOn(manager: TaskManager): Promise<number> {
  let { id } = await manager.submit(gate, {})
  for (let link = 0; link < links; link++) ({ id } = await manager.submit(noop, {}, { after: [id] }))
  const over = ends(links)
  const began = performance.now()
  open()
  await over
  return (performance.now() - began) / links
}

function rateOf(began: number): number {
  return (many / (performance.now() - began)) * 1_000
}

async function plain(manager: TaskManager): Promise<number> {
  const over = ends(many)
  const began = performance.now()
  await submitMany(manager)
  await over
  return rateOf(began)
}

async function fanOut(manager: TaskManager): Promise<number> {
  const over = ends(many)
  const began = performance.now()
  await manager.submit(parent, {})
  await over
  return rateOf(began)
}

/** The rate of the predecessors, until the task behind them has ended. */
async function fanIn(manager: TaskManager): Promise<number> {
  const over = ends(many + 1)
  const began = performance.now()
  const ids = await submitMany(manager)
  await manager.submit(noop, {}, { after: ids })
  await over
  return rateOf(began)
}

/** In the portions in which a parent starts its children. */
async function submitMany(manager: TaskManager): Promise<string[]> {
  const ids: string[] = []
  while (ids.length < many) {
    const handles = await manager.submitAll(
      noop,
      Array.from({ length: 500 }, () => ({})),
    )
    ids.push(...handles.map(({ id }) => id))
  }
  return ids
}
