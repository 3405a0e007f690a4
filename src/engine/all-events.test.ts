import { expect, test } from 'vitest'
import { FakeClock, turns } from '../testing/clock.ts'
import { runningRecord, runningTask } from '../../test/support/fake-manager.ts'
import type { Status } from '../core/task.ts'
import { Bus } from '../journal/bus.ts'
import type { Filter, Searched } from '../core/filter.ts'
import { progressInterval } from './progress-throttle.ts'
import { allEvents, type Change } from './all-events.ts'

function listen(filter: Filter = {}) {
  const bus = new Bus((error) => expect.unreachable(String(error)))
  const over = new AbortController()
  const stored = new Map<string, Partial<typeof runningTask>>()
  const clock = new FakeClock()
  let version = 0
  const look = async (id: string) => ({
    ...runningRecord,
    task: { ...runningTask, ...stored.get(id), id },
  })
  const searched: Searched = (task, parameters) => ({ task, parameters })
  const read = () => allEvents(bus, filter, { signal: over.signal, look, searched, clock })
  const heard = read()
  const transition = (status: Status, own: Partial<typeof runningTask> = {}, at = ++version) => {
    const task = { ...runningTask, status, ...own }
    stored.set(task.id, task)
    const entry = { version: at, at: 0, event: status, status, attempt: 1, by: 'node' }
    bus.emit({ kind: 'transition', id: task.id, task, entry })
  }
  const progress = (current: number, id = runningTask.id) =>
    bus.emit({ kind: 'progress', id, type: 'long', progress: { current, at: 0 } })
  const listener = { clock, heard, transition, progress, end: () => over.abort() }
  return { ...listener, again: () => ({ ...listener, heard: read() }) }
}

const shown = (change: Change | undefined) =>
  change?.kind === 'transition'
    ? change.entry.status
    : change?.kind === 'progress'
      ? change.progress.current
      : change?.kind

/** What is heard of what is emitted at once. */
async function all(
  { heard, end }: Pick<ReturnType<typeof listen>, 'heard' | 'end'>,
  emit: () => void,
): Promise<unknown[]> {
  const found: unknown[] = []
  const listening = (async () => {
    for await (const change of heard) found.push(shown(change))
  })()
  emit()
  await turns()
  end()
  await listening
  return found
}

test('all changes arrive in order, with only the latest queued progress of each task', async () => {
  const listener = listen()
  const first = listener.heard.next()
  listener.transition('queued')
  await first
  for (const current of [1, 2]) listener.progress(current)
  listener.progress(7, 'another')
  listener.transition('completed')
  const found = [await listener.heard.next(), await listener.heard.next(), await listener.heard.next()]
  expect(found.map(({ value }) => shown(value ?? undefined))).toEqual([2, 7, 'completed'])
  listener.end()
  expect(await listener.heard.next()).toMatchObject({ done: true })
})

test('of many tasks that report constantly, a limited number is sent per interval, each with its latest progress', async () => {
  const { clock, heard, progress, end } = listen()
  const found: unknown[] = []
  const listening = (async () => {
    for await (const change of heard) found.push(shown(change))
  })()
  const told = async (ms: number) => {
    await clock.advance(ms)
    return found.splice(0)
  }
  const tasks = Array.from({ length: progressInterval.tasks + 100 }, (_, number) => `task ${number}`)
  await turns()
  for (let current = 1; current <= 20; current++) for (const id of tasks) progress(current, id)
  expect(await told(0)).toEqual(Array.from({ length: progressInterval.tasks }, () => 1))
  expect(await told(progressInterval.length)).toEqual(
    Array.from({ length: progressInterval.tasks }, () => 20),
  )
  expect(await told(progressInterval.length)).toEqual(Array.from({ length: 100 }, () => 20))
  expect(await told(10 * progressInterval.length)).toEqual([])
  expect(clock.pending).toBe(0)
  progress(1, 'task 0')
  progress(2, 'task 0')
  expect(await told(0)).toEqual([1])
  end()
  await listening
  expect(clock.pending).toBe(0)
})

test('the last progress of a task is sent before its end, and never after', async () => {
  const listener = listen()
  const found = await all(listener, () => {
    for (const current of [1, 2, 3]) listener.progress(current)
    listener.transition('completed')
  })
  expect(found).toEqual([3, 'completed'])
  const running = listen({ statuses: ['running'] })
  const heard = await all(running, () => {
    running.transition('running')
    for (const current of [1, 2, 3]) running.progress(current)
    running.transition('completed')
  })
  expect(heard).toEqual(['running', 1])
  expect(running.clock.pending).toBe(0)
})

test('known or outdated transitions are not sent', async () => {
  const listener = listen()
  const found = await all(listener, () => {
    listener.transition('queued', {}, 1)
    listener.transition('queued', {}, 1)
    listener.transition('running', {}, 2)
    listener.transition('completed', {}, 4)
    listener.transition('pausing', {}, 3)
    listener.transition('queued', { id: 'another' }, 1)
  })
  expect(found).toEqual(['queued', 'running', 'completed', 'queued'])
})

test('a reader that is too slow is told to read the tasks again, and continues', async () => {
  const listener = listen()
  const first = listener.heard.next()
  listener.transition('queued')
  await first
  for (let count = 0; count < 5_000; count++) listener.transition('running')
  expect(shown((await listener.heard.next()).value ?? undefined)).toBe('resync')
  listener.transition('completed')
  expect(shown((await listener.heard.next()).value ?? undefined)).toBe('completed')
})

test('what one reader has received is still new to another one', async () => {
  const listener = listen()
  const another = listener.again()
  const found = await Promise.all([
    all(listener, () => undefined),
    all(another, () => {
      listener.transition('queued', {}, 1)
      listener.transition('completed', {}, 3)
      listener.transition('running', {}, 2)
    }),
  ])
  expect(found).toEqual([
    ['queued', 'completed'],
    ['queued', 'completed'],
  ])
})

test.each([
  ['many events', 25_000, null],
  [
    'a few large ones',
    3_000,
    { code: 'E', name: 'Error', message: 'm'.repeat(4_096), stack: 's'.repeat(4_096) },
  ],
])('a reader keeps nothing alive for %s that do not fit', async (_, events, error) => {
  const listener = listen({ statuses: ['completed'] })
  const first = listener.heard.next()
  listener.transition('completed')
  await first
  listener.transition('completed')
  for (let count = 0; count < events; count++) listener.transition('running', { error })
  expect(shown((await listener.heard.next()).value ?? undefined)).toBe('resync')
  listener.transition('completed')
  expect(shown((await listener.heard.next()).value ?? undefined)).toBe('completed')
})

test.each([
  ['statuses', { statuses: ['completed'] }, ['completed']],
  ['types', { types: ['add'] }, []],
  ['a tag', { tag: 'a' }, ['running']],
  ['times', { createdBefore: 0 }, []],
] satisfies [string, Filter, unknown[]][])('by %s', async (_, filter, expected) => {
  const listener = listen(filter)
  const found = await all(listener, () => {
    listener.transition('running', { id: 'tagged', tags: ['a'] })
    listener.progress(3)
    listener.transition('completed')
  })
  expect(found).toEqual(expected)
})

test('by text matches parameters, which are read once, and errors', async () => {
  const failed = { error: { code: 'ERROR', name: 'Error', message: 'the needle broke' } }
  const { heard, transition, progress, end } = listen({ text: 'Needle' })
  const found: unknown[] = []
  const listening = (async () => {
    for await (const change of heard) found.push(shown(change))
  })()
  transition('running')
  progress(1)
  await turns()
  transition('failed', failed)
  await turns()
  end()
  await listening
  expect(found).toEqual(['failed'])
  const beginning = listen({ text: runningTask.id.slice(0, 18) })
  expect(await all(beginning, () => beginning.transition('paused'))).toEqual(['paused'])
  const nothing = listen({ text: 'nowhere' })
  expect(await all(nothing, () => nothing.transition('failed', failed))).toEqual([])
})
