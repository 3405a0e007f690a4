import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { openTaskManager } from '../../src/index.ts'
import { newSchema } from '../conformance/stores.ts'
import { all, type Line } from '../fixtures/freezing.ts'
import { aMinute, until } from '../support/until.ts'

/** Seconds. */
const lease = 20
const minutes = 3 * aMinute
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const program = join(import.meta.dirname, '..', 'fixtures', 'freezing.ts')

/** A node in a separate process. */
async function nodeOn(database: string) {
  const child = spawn(process.execPath, [program, database], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  await once(child.stdout, 'data')
  return {
    child,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

async function linesOf(file: string): Promise<Line[]> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return text.split('\n').flatMap((line) => {
    const [at, type, fence] = line.split(' ')
    return type === undefined ? [] : [{ at: Number(at), type, fence: Number(fence) }]
  })
}

test(
  'code of a frozen node never runs at the same time as its successor, wherever it runs',
  { timeout: 5 * minutes },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fermata-'))
    const file = join(folder, 'journal')
    const database = `${inject('postgres')}?schema=${newSchema()}&lease=${lease}`
    const api = await openTaskManager({ database, tasks: all, maxConcurrent: 0, drain: 1, logger: quiet })
    const types = all.map(({ type }) => type)
    const newestOf = async (names: readonly string[]) => {
      const lines = await linesOf(file)
      return names.map((name) =>
        Math.max(0, ...lines.filter(({ type }) => type === name).map(({ fence }) => fence)),
      )
    }
    try {
      await using frozen = await nodeOn(database)
      for (const type of types) await api.enqueue(type, { file })
      await until('all run', async () => (await newestOf(types)).every((fence) => fence > 0), minutes)
      const node = (await api.nodes()).find(({ pid }) => pid === frozen.child.pid)?.id
      frozen.child.kill('SIGSTOP')
      const before = await newestOf(types)
      await using _successor = await nodeOn(database)
      await until(
        'all run elsewhere',
        async () => (await newestOf(types)).every((fence, index) => fence > before[index]!),
        minutes,
      )
      frozen.child.kill('SIGCONT')
      await until(
        'the node is back',
        async () => (await api.nodes()).some(({ pid, id }) => pid === frozen.child.pid && id !== node),
        minutes,
      )
      const { length } = await linesOf(file)
      await until('the successors go on', async () => (await linesOf(file)).length > length + 20, minutes)
      const lines = await linesOf(file)
      for (const [index, type] of types.entries()) {
        const own = lines.filter((line) => line.type === type)
        const took = own.find(({ fence }) => fence > before[index]!)
        const beside = own.filter(({ at, fence }) => fence <= before[index]! && at > took!.at)
        expect(beside, `${type} since ${took!.at}`).toEqual([])
      }
    } finally {
      await api.close()
      await rm(folder, { recursive: true, force: true })
    }
  },
)
