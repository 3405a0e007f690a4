import { spawn } from 'node:child_process'
import { z } from 'zod'
import { defineTask, openTaskManager, type TaskManager } from '../src/index.ts'
import { startPostgres } from '../test/support/postgres-server.ts'
import { median, throughput } from './measure.ts'
import { temporaryFolder } from './place.ts'
import { listening } from './server.ts'

/**
 * `npm run bench:webhooks`: submits that a webhook reports, beside the same without a webhook, in turn in one process. If the webhook is
 * paused, nothing is sent: this is what the outbox costs. Otherwise, messages are sent meanwhile to a receiver in another process,
 * which takes them all. Speed says what callers see; the processor time of this process says what it costs, and differs less from
 * run to run.
 */
const pairs = 20
const submits = 5_000
const callers = 100

const parameters = z.object({ a: z.number() })
const told = defineTask({ type: 'told', parameters, run: () => null })
const other = defineTask({ type: 'other', parameters, run: () => null })

type Cost = Readonly<{ speed: number; processor: number }>

/** `oneOf`: every so many'th task is of the type that is reported. */
async function submitted(manager: TaskManager, oneOf: number): Promise<Cost> {
  const before = process.cpuUsage()
  const speed = await throughput(submits, callers, (a) =>
    manager.submit(a % oneOf === 0 ? told : other, { a }),
  )
  const { user, system } = process.cpuUsage(before)
  return { speed, processor: (user + system) / submits }
}

/** `receiver`: null if nothing is sent. */
async function reported(manager: TaskManager, oneOf: number, receiver: string | null): Promise<Cost> {
  const { webhooks } = manager
  const { use } = await webhooks.create({
    url: receiver ?? 'https://hooks.example',
    events: ['task.*'],
    types: [told.type],
    paused: receiver === null,
  })
  try {
    return await submitted(manager, oneOf)
  } finally {
    await webhooks.remove(use.webhook.id)
  }
}

async function compare(where: string, database: string, url: string): Promise<void> {
  await using manager = await openTaskManager({
    database,
    tasks: [told, other],
    maxConcurrent: 0,
    webhookAllow: ['127.0.0.0/8'],
  })
  for (const [oneOf, which, receiver] of [
    [1, 'all', null],
    [2, 'half', null],
    [1, 'all, and sent', url],
  ] as const) {
    await submitted(manager, oneOf)
    await reported(manager, oneOf, receiver)
    const found: { ours: Cost; beside: Cost }[] = []
    for (let pair = 0; pair < pairs; pair++) {
      // Neither is always the first.
      if (pair % 2 === 0)
        found.push({
          ours: await reported(manager, oneOf, receiver),
          beside: await submitted(manager, oneOf),
        })
      else
        found.push({
          beside: await submitted(manager, oneOf),
          ours: await reported(manager, oneOf, receiver),
        })
    }
    const speed = median(found.map(({ ours, beside }) => ours.speed / beside.speed))
    const events = median(found.map(({ ours }) => ours.speed)) / oneOf
    const costs = (side: 'ours' | 'beside') => median(found.map((pair) => pair[side].processor))
    const [ours, beside] = [costs('ours'), costs('beside')]
    const columns = [where, which, Math.round(events), speed.toFixed(2), beside.toFixed(1), ours.toFixed(1)]
    console.log(`| ${columns.join(' | ')} |`)
  }
}

const answering = `require('node:http')
  .createServer((request, response) => request.resume().on('end', () => response.writeHead(204).end()))
  .listen(0, '127.0.0.1', function () { console.log(JSON.stringify({ msg: 'listening', url: 'http://127.0.0.1:' + this.address().port })) })`
const receiver = spawn(process.execPath, ['--eval', answering], { stdio: ['ignore', 'pipe', 'inherit'] })
const url = await listening(receiver.stdout)

console.log(
  '| store | reported | events/s | speed beside none | µs of processor a submit | with webhook |\n|---|---|--:|--:|--:|--:|',
)
{
  using folder = temporaryFolder()
  await compare('SQLite', `sqlite:${folder.file('webhooks.db')}`, url)
}
{
  await using server = await startPostgres({
    safe: true,
    settings: ['shared_buffers=1GB', 'wal_init_zero=off'],
  })
  await compare('PostgreSQL', server.url, url)
}
receiver.kill()
process.exit(0)
