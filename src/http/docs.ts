import helmet from '@fastify/helmet'
import type { FastifyInstance } from 'fastify'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { openapi } from '../contract/openapi.ts'
import type { DescribedType } from '../contract/openapi-types.ts'
import { RequestRefused } from './problems.ts'
import { pageSecurity } from './security.ts'

type Asset = Readonly<{
  media: string
  /** Its URL in the package that it comes from. */
  from: () => string
  edit?: (text: string) => string
}>

/**
 * Files of the pages. The build may put any of them into `assets/` beside this file, so that the published program does not
 * need its package.
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

/** ReDoc adds an empty style element, by whose hash it is let in, and fills it by script. */
const security = pageSecurity({ styles: "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='" })

export type DocsOptions = Readonly<{ version: string; types: readonly DescribedType[] }>

/** `/openapi.json`, Swagger UI at `/docs` and ReDoc at `/redoc`; no request of a page leaves the machine. */
export async function docs(app: FastifyInstance, { version, types }: DocsOptions): Promise<void> {
  await app.register(helmet, { global: false })
  let document: string | undefined

  app.get('/openapi.json', (_, reply) => {
    document ??= JSON.stringify(openapi(version, types))
    return reply.header('content-type', 'application/json; charset=utf-8').send(document)
  })
  for (const [path, html] of Object.entries(pages)) {
    app.get(path, { helmet: security }, (_, reply) =>
      reply.header('content-type', 'text/html; charset=utf-8').send(html),
    )
  }
  app.get('/docs/assets/swagger-start.js', (_, reply) =>
    reply.header('content-type', 'text/javascript; charset=utf-8').send(startSwagger),
  )
  app.get<{ Params: { file: string } }>('/docs/assets/:file', async (request, reply) => {
    const { file } = request.params
    const asset = assets.get(file)
    if (asset === undefined)
      throw new RequestRefused('NOT_FOUND', `There is no asset ${JSON.stringify(file)}.`)
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

/** ReDoc would fetch the logo at its foot from its makers. */
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
  '/docs': page(
    '<link rel="stylesheet" href="/docs/assets/swagger-ui.css">',
    `<div id="swagger-ui"></div>
    <script src="/docs/assets/swagger-ui-bundle.js"></script>
    <script src="/docs/assets/swagger-start.js"></script>`,
  ),
  '/redoc': page(
    '',
    `<redoc spec-url="/openapi.json" disable-telemetry="true"></redoc>
    <script type="module" src="/docs/assets/redoc.standalone.js"></script>`,
  ),
}

const startSwagger = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  validatorUrl: null,
  tryItOutEnabled: true,
})
`
