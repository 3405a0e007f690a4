import helmet from '@fastify/helmet'
import files from '@fastify/static'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { readFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rootFrom } from './relative.ts'
import { pageSecurity } from './security.ts'

/** Paths of the web page. */
export const pagePaths = [
  '/',
  '/tasks',
  '/tasks/:id',
  '/submit',
  '/submit/:type',
  '/schedules',
  '/schedules/:id',
  '/types',
  '/nodes',
  '/keys',
  '/audit',
] as const

/** Mantine writes its theme and component sizes into the page. */
const security = pageSecurity({ styles: "'unsafe-inline'" })

const notBuilt =
  'The web page is not built: "npm run build" makes it. The API is at /api, and /docs lets you try every call.\n'

export type PageOptions = Readonly<{
  /** The files built for the page. */
  folder: string
}>

/** Serves the web page and its files. */
export async function page(app: FastifyInstance, { folder }: PageOptions): Promise<void> {
  await app.register(helmet, { global: false })
  await app.register(files, { root: folder, serve: false, dotfiles: 'deny', preCompressed: true })

  for (const path of pagePaths) {
    app.get(path, { helmet: security }, (request, reply) => sendPage(folder, request.url, reply))
  }
  // Their names change with their contents.
  app.get<{ Params: { '*': string } }>('/assets/*', (request, reply) =>
    reply.sendFile(`assets/${request.params['*']}`, { immutable: true, maxAge: '365d' }),
  )
  app.get<{ Params: { file: string } }>(
    '/:file(^[\\w-]+\\.(?:svg|png|ico|js|webmanifest)$)',
    (request, reply) => reply.sendFile(request.params.file, { maxAge: '1h', ...untagged }),
  )
}

/** A tag comes from size and date, which packages make the same for all their versions. */
const untagged = { etag: false, lastModified: false } as const

/** Its URLs are relative to the root of the server; they are rewritten relative to the path at which the page is opened. */
async function sendPage(folder: string, url: string, reply: FastifyReply): Promise<FastifyReply> {
  const html = await readFile(join(folder, 'index.html'), 'utf8').catch(() => undefined)
  if (html === undefined) {
    return reply.code(404).header('content-type', 'text/plain; charset=utf-8').send(notBuilt)
  }
  reply.header('cache-control', 'no-store')
  reply.header('content-type', 'text/html; charset=utf-8')
  return reply.send(html.replaceAll(/ (src|href)="\.\//g, ` $1="${rootFrom(url)}`))
}

/** Next to the modules in the published program; in a checkout, where the dashboard's build puts it. */
export function builtPage(): string {
  const published = fileURLToPath(new URL('../dashboard/', import.meta.url))
  return existsSync(published) ? published : fileURLToPath(new URL('../../dashboard/dist/', import.meta.url))
}
