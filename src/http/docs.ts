import helmet from '@fastify/helmet'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { openapi } from '../contract/openapi.ts'
import type { DescribedType } from '../contract/openapi-types.ts'
import { Unauthenticated } from '../core/errors.ts'
import type { TaskManagerApi } from '../engine/api.ts'
import { hasScope, keyIn } from './credentials.ts'
import { RequestRefused } from './problems.ts'
import { rootFrom } from './relative.ts'
import { pageSecurity } from './security.ts'

type Asset = Readonly<{
  media: string
  /** Its URL in the original package. */
  from: () => string
  edit?: (text: string) => string
}>

/**
 * Files of the pages. The build can copy any of them into `assets/` next to this file, so the published program does not
 * need their packages.
 */
const assets: ReadonlyMap<string, Asset> = new Map<string, Asset>([
  [
    'swagger-ui.css',
    { media: 'text/css', from: () => import.meta.resolve('@fastify/swagger-ui/static/swagger-ui.css') },
  ],
  [
    'swagger-ui-bundle.js',
    {
      media: 'text/javascript',
      from: () => import.meta.resolve('@fastify/swagger-ui/static/swagger-ui-bundle.js'),
    },
  ],
  [
    'redoc.standalone.js',
    {
      media: 'text/javascript',
      from: () => import.meta.resolve('redoc/bundles/redoc.standalone.js'),
      edit: withoutRemoteLogo,
    },
  ],
])

/** ReDoc adds an empty style element, allowed by its hash, and fills it by script. */
const security = pageSecurity({ styles: "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='" })

export type DocsOptions = Readonly<{ version: string; manager: TaskManagerApi }>

/** `/openapi.json`, Swagger UI at `/docs` and ReDoc at `/redoc`; no request of a page leaves the machine. */
export async function docs(app: FastifyInstance, { version, manager }: DocsOptions): Promise<void> {
  await app.register(helmet, { global: false })
  const documents = new Map<string, string>()

  /** Anyone may read the document; the types are described to those who may see them. */
  const typesFor = async ({ headers }: FastifyRequest): Promise<readonly DescribedType[]> => {
    try {
      const { caller } = await manager.access.session(keyIn(headers))
      if (!hasScope(caller, 'read')) return []
      await manager.learn()
      return [...manager.as(caller).registry]
    } catch (error) {
      if (error instanceof Unauthenticated) return []
      throw error
    }
  }
  app.get('/openapi.json', async (request, reply) => {
    const types = await typesFor(request)
    const names = `${manager.registry.revision} ${types.map(({ type }) => type).join()}`
    if (documents.size > 100) documents.clear()
    const document = documents.get(names) ?? JSON.stringify(openapi(version, types))
    documents.set(names, document)
    return reply.header('content-type', 'application/json; charset=utf-8').send(document)
  })
  for (const [path, html] of Object.entries(pages)) {
    app.get(path, { helmet: security }, (request, reply) =>
      reply.header('content-type', 'text/html; charset=utf-8').send(html(rootFrom(request.url))),
    )
  }
  for (const [file, script] of Object.entries(starts)) {
    app.get(`/docs/assets/${file}`, (_, reply) =>
      reply.header('content-type', 'text/javascript; charset=utf-8').send(script),
    )
  }
  app.get<{ Params: { file: string } }>('/docs/assets/:file', async (request, reply) => {
    const { file } = request.params
    const asset = assets.get(file)
    if (asset === undefined) throw new RequestRefused('NOT_FOUND', `No asset ${JSON.stringify(file)}.`)
    reply.header('content-type', `${asset.media}; charset=utf-8`)
    reply.header('cache-control', 'public, max-age=3600')
    reply.header('x-content-type-options', 'nosniff')
    const content = await readFile(placeOf(file, asset))
    return asset.edit === undefined ? content : asset.edit(content.toString('utf8'))
  })
}

function placeOf(file: string, { from }: Asset): URL {
  const built = new URL(`./assets/${file}`, import.meta.url)
  return existsSync(built) ? built : new URL(from())
}

/** ReDoc would load the logo in its footer from its vendor. */
function withoutRemoteLogo(script: string): string {
  const logo =
    '<svg xmlns="http://www.w3.org/2000/svg" width="44" height="12"><text y="10" font-family="sans-serif" font-size="11">Redocly</text></svg>'
  return script.replaceAll(
    /https:\/\/cdn\.redoc\.ly\/[\w/.-]+/g,
    `data:image/svg+xml,${encodeURIComponent(logo)}`,
  )
}

const page = (head: string, body: string) => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Fermata API</title>
    <link rel="icon" href="data:,">
    ${head}
  </head>
  <body>
    ${body}
  </body>
</html>
`

const pages = {
  '/docs': (root: string) =>
    page(
      `<link rel="stylesheet" href="${root}docs/assets/swagger-ui.css">`,
      `<div id="swagger-ui"></div>
    <script src="${root}docs/assets/swagger-ui-bundle.js"></script>
    <script src="${root}docs/assets/swagger-start.js"></script>`,
    ),
  '/redoc': (root: string) =>
    page(
      '',
      `<div id="redoc"></div>
    <script type="module" src="${root}docs/assets/redoc-start.js"></script>`,
    ),
}

/** The document is relative to the page, whatever the prefix of a proxy is. */
const starts = {
  'swagger-start.js': `SwaggerUIBundle({
  url: new URL('../../openapi.json', document.currentScript.src).href,
  dom_id: '#swagger-ui',
  deepLinking: true,
  validatorUrl: null,
  tryItOutEnabled: true,
})
`,
  // ReDoc resolves server URLs relative to the page, not to the document as OpenAPI requires.
  'redoc-start.js': `import { init } from './redoc.standalone.js'
const url = new URL('../../openapi.json', import.meta.url).href
const document_ = await (await fetch(url)).json()
for (const server of document_.servers) server.url = new URL(server.url, url).href.replace(/\\/$/, '')
const options = { disableTelemetry: true, downloadUrls: [{ title: 'openapi.json', url }] }
await init(document_, options, document.querySelector('#redoc'))
`,
}
