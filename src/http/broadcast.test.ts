import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Change } from '../engine/all-events.ts'
import { Broadcasts, type Source } from './broadcast.ts'

const change: Change = { kind: 'resync' }

/** A source that the test feeds. */
function fed() {
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  const waiting: string[] = []
  let wake: () => void = () => undefined
  let said = ''
  const source: Source = {
    async *changes(signal) {
      signal.addEventListener('abort', () => wake())
      try {
        while (!signal.aborted) {
          said = waiting.shift() ?? ''
          if (said === '') await new Promise<void>((resume) => (wake = resume))
          else yield change
        }
      } finally {
        resolve()
      }
    },
    textOf: () => said,
    onError: (error) => {
      throw error
    },
  }
  return { source, ended, waiting, feed: (...texts: string[]) => (waiting.push(...texts), wake()) }
}

function client() {
  const chunks: string[] = []
  return { chunks, take: (text: Buffer) => void chunks.push(text.toString()), end: () => undefined }
}

test('changes that come together are one write for each client', async () => {
  const broadcasts = new Broadcasts()
  const { source, feed } = fed()
  const clients = [client(), client()]
  for (const one of clients) broadcasts.join('all', source, one)
  feed('a', 'b', 'c')
  for (const { chunks } of clients) await expect.poll(() => chunks).toEqual(['abc'])
})

test('a client hears what happens after it has joined, and nothing after it has left', async () => {
  const broadcasts = new Broadcasts()
  const { source, feed } = fed()
  const [first, second] = [client(), client()]
  const leave = broadcasts.join('all', source, first)
  feed('a')
  await expect.poll(() => first.chunks).toEqual(['a'])
  broadcasts.join('all', source, second)
  leave()
  feed('b')
  await expect.poll(() => second.chunks).toEqual(['b'])
  expect(first.chunks).toEqual(['a'])
})

test('the source is not read further than what clients get in one write', async () => {
  const broadcasts = new Broadcasts()
  const { source, feed, waiting } = fed()
  const most: number[] = []
  const slow = { take: (text: Buffer) => void most.push(text.length), end: () => undefined }
  broadcasts.join('all', source, slow)
  feed(...Array.from({ length: 1_000 }, () => 'x'.repeat(1_000)))
  await expect.poll(() => most.reduce((sum, length) => sum + length, 0)).toBe(1_000_000)
  expect(waiting).toEqual([])
  expect(Math.max(...most)).toBeLessThan(70_000)
})

test('others run while many clients are written to', async () => {
  const broadcasts = new Broadcasts()
  const { source, feed } = fed()
  let writes = 0
  const busy = {
    take: () => {
      writes++
      for (const began = performance.now(); performance.now() - began < 1;);
    },
    end: () => undefined,
  }
  for (let count = 0; count < 100; count++) broadcasts.join('all', source, { ...busy })
  feed('a')
  const seen = new Set<number>()
  while (writes < 100) {
    seen.add(writes)
    await sleep(1)
  }
  expect(seen.size).toBeGreaterThan(10)
})

test('a source that fails ends its clients, and the next one begins another', async () => {
  const broadcasts = new Broadcasts()
  const errors: unknown[] = []
  const failing: Source = {
    // oxlint-disable-next-line require-yield
    async *changes() {
      throw new Error('lost')
    },
    textOf: () => '',
    onError: (error) => void errors.push(error),
  }
  const { promise, resolve } = Promise.withResolvers<void>()
  broadcasts.join('all', failing, { take: () => undefined, end: resolve })
  await promise
  expect(errors).toHaveLength(1)
  const { source, feed } = fed()
  const next = client()
  broadcasts.join('all', source, next)
  feed('a')
  await expect.poll(() => next.chunks.at(-1)).toBe('a')
})

test('the source ends when the last client leaves', async () => {
  const broadcasts = new Broadcasts()
  const { source, ended } = fed()
  const leave = [client(), client()].map((one) => broadcasts.join('all', source, one))
  for (const go of leave) go()
  await ended
})
