import helmet from '@fastify/helmet'
import files from '@fastify/static'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { createHash } from 'node:crypto'
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
  '/failures',
  '/submit',
  '/submit/:type',
  '/schedules',
  '/schedules/:id',
  '/limits',
  '/limits/:name',
  '/waits',
  '/webhooks',
  '/webhooks/:id',
  '/types',
  '/types/:type',
  '/nodes',
  '/keys',
  '/audit',
] as const

const notBuilt =
  'The web page is not built: "npm run build" makes it. The API is at /api, and /docs lets you try every call.\n'

export type PageOptions = Readonly<{
  /** The files built for the page. */
  folder: string
}>

/** Serves the web page and its files. */
export async function page(app: FastifyInstance, { folder }: PageOptions): Promise<void> {
  const html = await readFile(join(folder, 'index.html'), 'utf8').catch(() => '')
  // Mantine writes its theme and component sizes into the page.
  const security = pageSecurity({ scripts: hashesOf(html), styles: "'unsafe-inline'" })
  await app.register(helmet, { global: false })
  await app.register(files, { root: folder, serve: false, dotfiles: 'deny', preCompressed: true })

  for (const path of pagePaths) {
    app.get(path, { helmet: security }, (request, reply) => sendPage(folder, request.url, reply))
  }
  app.get('/*', { helmet: security }, (request, reply) =>
    isVisit(request) ? sendPage(folder, request.url, reply.code(404)) : reply.callNotFound(),
  )
  // Their names change with their contents.
  app.get<{ Params: { '*': string } }>('/assets/*', (request, reply) =>
    reply.sendFile(`assets/${request.params['*']}`, { immutable: true, maxAge: '365d' }),
  )
  app.get<{ Params: { file: string } }>(
    '/:file(^[\\w-]+\\.(?:svg|png|ico|js|webmanifest)$)',
    (request, reply) => reply.sendFile(request.params.file, { maxAge: '1h', ...untagged }),
  )
}

/** Whether a browser opens an address that might be a page: it is told there that there is none. */
function isVisit({ headers, url }: FastifyRequest): boolean {
  const [path = ''] = url.split(/[?#]/, 1)
  return headers.accept?.includes('text/html') === true && !/^\/(?:api|assets)\/|[.%\\]|\/\//.test(path)
}

/** Sources that allow the scripts in a page by their hashes. */
function hashesOf(html: string): string[] {
  return [...html.matchAll(/<script>([^<]+)<\/script>/g)].map(
    ([, script = '']) => `'sha256-${createHash('sha256').update(script).digest('base64')}'`,
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
