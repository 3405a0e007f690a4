import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { Fermata } from '../../src/client/index.ts'
import { newSchema, temporaryFolder } from '../conformance/stores.ts'
import type { Seen } from '../fixtures/preempted.ts'
import { TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

/**
 * Urgent tasks under a limit beside long ones that take all slots of three real nodes, which are killed in turn: handlers write what they
 * do. `PREEMPTION_SECONDS=600` runs longer.
 */
const fewest = 3
/** They go on for this long. */
const atLeast = Number(process.env['PREEMPTION_SECONDS'] ?? 0) * 1_000
const slots = 3
const atOnce = 2

test(
  'long tasks make room for urgent ones and lose nothing while nodes are killed',
  { timeout: 3_600_000 },
  async () => {
    await using folder = await temporaryFolder()
    const [log, stop] = [join(folder.path, 'seen'), join(folder.path, 'stop')]
    writeFileSync(log, '')
    const env = {
      DATABASE_URL: `${inject('postgres')}?schema=${newSchema()}&lease=15`,
      FERMATA_DRAIN: '2s',
      FERMATA_MAX_CONCURRENT: String(slots),
      FERMATA_TASKS: join(import.meta.dirname, '..', 'fixtures', 'preempted.ts'),
      PREEMPTED_LOG: log,
      PREEMPTED_STOP: stop,
      NODE_OPTIONS: '--conditions=fermata-source',
    }
    const nodes = await Promise.all([1, 2, 3].map(() => TestServer.start({ env })))
    /** When each process was dead, by its id. */
    const deaths = new Map<number, number>()
    const seen = () =>
      readFileSync(log, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Seen)
    const waits: number[] = []
    try {
      const client = () => new Fermata({ url: nodes.at(-1)!.url })
      const long = await client().submitBatch(
        'patient',
        Array.from({ length: 3 * slots * nodes.length }, () => ({ parameters: {}, max_attempts: 1_000 })),
      )
      const all: string[] = []
      const submit = async () => {
        const list = Array.from({ length: 3 }, () => ({ parameters: {}, priority: 100, max_attempts: 1_000 }))
        const { task_ids: ids } = await client().submitBatch('urgent', list)
        all.push(...ids)
        const from = Date.now()
        return async () => {
          await until('an urgent task has begun', () =>
            seen().some(({ what, task }) => what === 'begins' && ids.includes(task)),
          )
          waits.push(Date.now() - from)
          await until('they have ended', () =>
            ids.every((id) => seen().some(({ what, task }) => what === 'ends' && task === id)),
          )
        }
      }
      await until(
        'long tasks have all slots',
        () => new Set(seen().map(({ task }) => task)).size >= slots * nodes.length,
      )
      await (
        await submit()
      )()
      const began = Date.now()
      let kills = 0
      for (; kills < fewest || Date.now() - began < atLeast; kills++) {
        const dying = nodes.shift()!
        const ended = await submit()
        dying.signal('SIGKILL')
        await dying.ended
        deaths.set(dying.pid, Date.now())
        nodes.push(await TestServer.start({ env }))
        await dying[Symbol.asyncDispose]()
        await ended()
      }
      writeFileSync(stop, '')
      await until('all tasks have completed', async () => {
        const { types } = await client().getStats()
        return (
          types['patient']?.counts.completed === long.task_ids.length &&
          types['urgent']?.counts.completed === all.length
        )
      })
      const lines = seen()
      let preemptions = 0
      for (const id of long.task_ids) {
        const { timeline } = await client().getTask(id)
        expect(timeline.filter(({ event }) => event === 'failed')).toEqual([])
        preemptions += timeline.filter(({ why }) => why?.startsWith('preempted for task') === true).length
        const steps = lines.filter(({ task }) => task === id)
        for (const [index, { step, pid, fence }] of steps.entries()) {
          const before = steps[index - 1]
          if (before === undefined) expect(step).toBe(0)
          else if (before.fence === fence || !deaths.has(before.pid))
            expect(step, 'after the one before').toBe(before.step + 1)
          else expect(step, `after ${before.pid} was killed, in ${pid}`).toBeLessThanOrEqual(before.step + 1)
        }
      }
      expect(preemptions).toBeGreaterThan(0)
      const stretches = lines
        .filter(({ what }) => what === 'begins')
        .map(({ task, fence, pid, at }) => {
          const end = lines.find((one) => one.what === 'ends' && one.task === task && one.fence === fence)
          return { from: at, until: end?.at ?? deaths.get(pid)! }
        })
      for (const { from } of stretches)
        expect(stretches.filter((one) => one.from <= from && from < one.until).length).toBeLessThanOrEqual(
          atOnce,
        )
      console.log(
        `${preemptions} preemptions for ${all.length} urgent tasks, ${kills} kills; the first of three began after ${waits.toSorted((a, b) => a - b).join(', ')} ms`,
      )
    } finally {
      await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()))
    }
  },
)
