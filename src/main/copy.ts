import { existsSync } from 'node:fs'
import type { Config } from '../config.ts'
import { withoutPassword } from '../core/secrets.ts'
import { DatabaseInvalid } from '../core/errors.ts'
import type { Copied } from '../store/transfer.ts'
import { keyringOf, opened, openedDelivery, openedSchedule, openedWebhook } from './keyring.ts'

/**
 * Copies everything from one database to another, which no node may have open. What is encrypted stays so, and needs no key;
 * `encrypt` writes everything as a server with these keys would.
 */
export async function runCopy(
  config: Pick<Config, 'encryptionKeys'>,
  [from = '', to = '']: readonly string[],
  { encrypt = false }: Readonly<{ encrypt?: boolean }>,
): Promise<void> {
  const { openTransfer } = await import('../database.ts')
  const { copyAll } = await import('../store/transfer.ts')
  await mustExist(from)
  const source = withoutPassword(from)
  await using stored = await openTransfer(from, true)
  const reading = encrypt ? await recoded(stored, config) : stored
  await using writing = await openTransfer(to, true)
  const report = progressReport('copied')
  const { tasks, resumed } = await copyAll(reading, writing, { source, copied: report.add })
  report.end()
  const how = resumed ? 'The copy was resumed and is' : 'The copy is'
  process.stdout.write(
    `${how} complete: ${withoutPassword(to)} has the ${tasks} tasks of ${source}, and their counts agree.\n`,
  )
}

async function recoded(source: Copied, config: Pick<Config, 'encryptionKeys'>): Promise<Copied> {
  const { sealImage } = await import('../store/encryption/task-codec.ts')
  const { sealSchedule } = await import('../store/encryption/encrypted-schedules.ts')
  const { sealDelivery, sealWebhook } = await import('../store/encryption/encrypted-webhooks.ts')
  const keys = keyringOf(config)
  return {
    async images(after, limit) {
      const images = await source.images(after, limit)
      return images.map((image) => sealImage(keys, opened(keys, image)))
    },
    async surroundings() {
      const surroundings = await source.surroundings()
      const webhooks = surroundings.webhooks.map((one) => sealWebhook(keys, openedWebhook(keys, one)))
      return { ...surroundings, webhooks }
    },
    counters: () => source.counters(),
    entries: (after, limit) => source.entries(after, limit),
    countEntries: () => source.countEntries(),
    async schedules(after, limit) {
      const schedules = await source.schedules(after, limit)
      return schedules.map((schedule) => sealSchedule(keys, openedSchedule(keys, schedule)))
    },
    ticks: (after, limit) => source.ticks(after, limit),
    async deliveries(after, limit) {
      const deliveries = await source.deliveries(after, limit)
      return deliveries.map((one) => sealDelivery(keys, openedDelivery(keys, one)))
    },
    async events(after) {
      const events = await source.events(after)
      if (events === null) return null
      const deliveries = events.deliveries.map((one) => sealDelivery(keys, openedDelivery(keys, one)))
      return { ...events, deliveries }
    },
  }
}

/** A SQLite file would be created otherwise. Throws `DatabaseInvalid`. */
export async function mustExist(database: string): Promise<void> {
  const { checkAddress } = await import('../database.ts')
  const address = checkAddress(database)
  if (address.kind !== 'sqlite') return
  if (address.path === ':memory:') throw new DatabaseInvalid(database, 'it stores nothing on disk')
  if (!existsSync(address.path)) throw new DatabaseInvalid(database, 'there is no such file')
}

const sayEvery = 10_000

/** On standard error, for people who wait. */
export function progressReport(done: string): Readonly<{ add: (tasks: number) => void; end: () => void }> {
  let all = 0
  let said = 0
  const say = () => {
    said = all
    process.stderr.write(`${all} tasks ${done}\n`)
  }
  return {
    add(tasks) {
      all += tasks
      if (all - said >= sayEvery) say()
    },
    end() {
      if (all > said && said > 0) say()
    },
  }
}
