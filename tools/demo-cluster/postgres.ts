import { startPostgres } from '../../test/support/postgres-server.ts'

/**
 * A PostgreSQL in a separate process, so that Ctrl+C does not end it before the nodes. Prints its address, and ends when its
 * input does: when the demo has ended, however it ended.
 */
const server = await startPostgres({ safe: true })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined)
process.stdin.resume().on('end', () => {
  void server[Symbol.asyncDispose]().then(() => process.exit(0))
})
process.stdout.write(`${server.url}\n`)
