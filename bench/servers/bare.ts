import fastify from 'fastify'
import { z } from 'zod'
import { bareSqlite, temporaryFolder } from '../place.ts'

/** The upper bound for a server on Fastify, zod and SQLite: the same two calls on bare tables. */
using there = temporaryFolder()
using bare = bareSqlite(there.file('bare.db'))
const Body = z.object({ parameters: z.object({ a: z.number(), b: z.number() }) })
const app = fastify()
const row = bare.db.prepare('select * from tasks join bodies using (n) where n = ?')

app.post('/api/run/:type', async (request) => {
  Body.parse(request.body)
  return { task_id: String(await bare.insertGrouped()), message: 'submitted', status: 'queued' }
})
app.get<{ Params: { id: string } }>('/api/task/:id/status', async ({ params }) => row.get(params.id))

const url = await app.listen({ port: 0, host: '127.0.0.1' })
console.log(JSON.stringify({ msg: 'listening', url }))
await new Promise((resolve) => process.once('SIGTERM', resolve))
await app.close()
