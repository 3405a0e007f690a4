import { startPostgres } from '../../test/support/postgres-server.ts'

/**
 * A PostgreSQL in a process of its own, so that a Ctrl+C for the demonstration does not end it before the nodes. Says its address,
 * and ends when its input does: when the demonstration is over, however it ended.
 */
const server = await startPostgres({ safe: true })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined)
process.stdin.resume().on('end', () => {
  void server[Symbol.asyncDispose]().then(() => process.exit(0))
})
process.stdout.write(`${server.url}\n`)
