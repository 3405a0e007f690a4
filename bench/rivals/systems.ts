import type { Opens } from './system.ts'

export type Entry = Readonly<{
  name: string
  group: 'embedded or Redis' | 'PostgreSQL'
  /** What is safe once a submit has been answered. */
  durability: string
  runtime: 'node' | 'bun'
  /** How Redis writes its log, for systems on Redis. */
  appendfsync?: 'always' | 'everysec'
  open(): Promise<Opens>
}>

const flushed = 'flushed to disk before the answer'
const everySecond = 'flushed once a second: a power cut loses up to a second'
const inPostgres = 'committed and flushed by PostgreSQL before the answer'

/** All systems, in the order of the tables. */
export const systems: Readonly<Record<string, Entry>> = {
  fermata: {
    name: 'Fermata',
    group: 'embedded or Redis',
    durability: flushed,
    runtime: 'node',
    open: async () => (await import('./systems/fermata.ts')).openEmbedded,
  },
  beeQueue: {
    name: 'bee-queue',
    group: 'embedded or Redis',
    durability: flushed,
    runtime: 'node',
    appendfsync: 'always',
    open: async () => (await import('./systems/bee-queue.ts')).open,
  },
  bullmq: {
    name: 'BullMQ',
    group: 'embedded or Redis',
    durability: flushed,
    runtime: 'node',
    appendfsync: 'always',
    open: async () => (await import('./systems/bullmq.ts')).open,
  },
  bunqueueDurable: {
    name: 'bunqueue, durable',
    group: 'embedded or Redis',
    durability: 'written to the file before the answer, not flushed: a power cut may lose it',
    runtime: 'bun',
    open: async () => (await import('./systems/bunqueue.ts')).openDurable,
  },
  beeQueueEverysec: {
    name: 'bee-queue, everysec',
    group: 'embedded or Redis',
    durability: everySecond,
    runtime: 'node',
    appendfsync: 'everysec',
    open: async () => (await import('./systems/bee-queue.ts')).open,
  },
  bullmqEverysec: {
    name: 'BullMQ, everysec',
    group: 'embedded or Redis',
    durability: everySecond,
    runtime: 'node',
    appendfsync: 'everysec',
    open: async () => (await import('./systems/bullmq.ts')).open,
  },
  bunqueue: {
    name: 'bunqueue, as it comes',
    group: 'embedded or Redis',
    durability: 'buffered in memory for 10 ms: a crash of the process may lose it',
    runtime: 'bun',
    open: async () => (await import('./systems/bunqueue.ts')).openAsItComes,
  },
  fermataPostgres: {
    name: 'Fermata',
    group: 'PostgreSQL',
    durability: inPostgres,
    runtime: 'node',
    open: async () => (await import('./systems/fermata.ts')).openOnPostgres,
  },
  pgBoss: {
    name: 'pg-boss',
    group: 'PostgreSQL',
    durability: inPostgres,
    runtime: 'node',
    open: async () => (await import('./systems/pg-boss.ts')).open,
  },
  graphileWorker: {
    name: 'graphile-worker',
    group: 'PostgreSQL',
    durability: inPostgres,
    runtime: 'node',
    open: async () => (await import('./systems/graphile-worker.ts')).open,
  },
  agenda: {
    name: 'agenda',
    group: 'PostgreSQL',
    durability: inPostgres,
    runtime: 'node',
    open: async () => (await import('./systems/agenda.ts')).open,
  },
}
