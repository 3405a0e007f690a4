import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineTask } from '../../src/registry/define.ts'
import { stores, World } from './world.ts'

const failing = defineTask({
  type: 'failing',
  parameters: z.object({}),
  attempts: 2,
  backoff: 0,
  run() {
    throw new Error('save', { cause: new TypeError('disk full') })
  },
})

async function watched() {
  const lines: (Record<string, unknown> & { message: string })[] = []
  const note = (fields: object, message: string) => void lines.push({ ...fields, message })
  const logger = { debug() {}, info() {}, warn: note, error: note }
  return { world: await World.open(stores[1].open, [failing], { logger }), lines }
}

test('the log says why an attempt failed, with the stacks of the error and its causes', async () => {
  const { world, lines } = await watched()
  const task = await world.node.submit(failing, {})
  await world.pass()
  const err = {
    message: 'save (cause: TypeError: disk full)',
    stack: expect.stringMatching(
      /failure-log\.test\.ts[^]*Caused by: TypeError: disk full[^]*failure-log\.test\.ts/,
    ) as string,
  }
  expect(lines).toMatchObject([
    { message: 'attempt failed; a retry is scheduled', task: task.id, type: 'failing', attempt: 1, err },
    { message: 'task failed', task: task.id, type: 'failing', attempt: 2, status: 'failed', err },
  ])
})

test('a flood of failures is logged in part', async () => {
  const { world, lines } = await watched()
  for (let task = 0; task < 50; task++) await world.node.submit(failing, {})
  await world.pass(1_000)
  expect(lines).toHaveLength(20)
  await world.pass(10_000)
  await world.node.submit(failing, {})
  await world.pass()
  expect(lines.slice(20)).toMatchObject([{ unsaid: 80 }, {}])
})
