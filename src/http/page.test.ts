import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, brotliDecompressSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { fakeManager } from '../../test/support/fake-manager.ts'
import { pagePaths } from './page.ts'
import { createServer } from './server.ts'

const script = 'console.log("page")'
const silent = { level: 'info', debug() {}, info() {}, warn() {}, error() {} }

async function serve({ built = true, basePath = '/', inline = '' } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-page-'))
  if (built) {
    await mkdir(join(folder, 'assets'))
    await writeFile(
      join(folder, 'index.html'),
      `<!doctype html><title>Fermata</title>${inline && `<script>${inline}</script>`}<script src="./assets/index-abc.js"></script>`,
    )
    await writeFile(join(folder, 'fermata.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>')
    await writeFile(join(folder, 'assets', 'index-abc.js'), script)
    await writeFile(join(folder, 'assets', 'index-abc.js.br'), brotliCompressSync(script))
    await writeFile(join(folder, '.secret'), 'secret')
    await writeFile(join(folder, 'notes.txt'), 'secret')
  }
  const app = await createServer({
    manager: fakeManager(),
    version: '1.2.3',
    logger: silent,
    page: folder,
    basePath,
  })
  onTestFinished(async () => {
    await app.close()
    await rm(folder, { recursive: true })
  })
  return app
}

test.each(pagePaths)(
  '%s is the page, uncached and protected against embedding and foreign content',
  async (path) => {
    const app = await serve()
    const answer = await app.inject({ url: path.replace(/:\w+/, '019a3c5e-7d2b') })
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8'])
    expect(answer.body).toContain('<title>Fermata</title>')
    expect(answer.headers).toMatchObject({
      'cache-control': 'no-store',
      'x-frame-options': expect.any(String),
    })
    expect(answer.headers).not.toHaveProperty('etag')
    const policy = String(answer.headers['content-security-policy'])
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("script-src 'self';")
    expect(policy).toContain("connect-src 'self';")
    expect(policy).not.toContain('http')
  },
)

test.each([
  ['/', './'],
  ['/tasks', './'],
  ['/tasks/', '../'],
  ['/tasks/019a3c5e-7d2b', '../'],
  ['/tasks/019a3c5e-7d2b/', '../../'],
  ['/submit/a%2Fb?from=/x/y', '../'],
])('at %s its files are at %s', async (url, root) => {
  const app = await serve()
  const { body } = await app.inject({ url })
  expect(body).toBe(`<!doctype html><title>Fermata</title><script src="${root}assets/index-abc.js"></script>`)
})

test('with a base path, it is served with and without the prefix, and includes it in URLs', async () => {
  const app = await serve({ basePath: '/tools/fermata/' })
  for (const url of ['/tools/fermata/tasks', '/tasks', '/tools/fermata/', '/tools/fermata/healthz']) {
    expect((await app.inject({ url })).statusCode, url).toBe(200)
  }
  const bare = await app.inject({ url: '/tools/fermata' })
  expect([bare.statusCode, bare.headers['location']]).toEqual([302, '/tools/fermata/'])
  expect((await app.inject({ url: '/tools/fermatax' })).statusCode).toBe(404)
  const { links } = (await app.inject({ url: '/tools/fermata/api' })).json()
  expect(links).toMatchObject({ docs: '/tools/fermata/docs', listTypes: '/tools/fermata/api/tasks' })
})

test('its paths are those of the page itself', async () => {
  const routes = await readFile(join(import.meta.dirname, '../../dashboard/src/app/Routes.tsx'), 'utf8')
  const known = [...routes.matchAll(/<Route path="([^"]+)"/g)].flatMap(([, path = '']) =>
    path.endsWith('?') ? [path.replace(/\/:\w+\?$/, ''), path.slice(0, -1)] : [path],
  )
  expect(known.toSorted()).toEqual([...pagePaths].toSorted())
})

test('files with a content hash are cached forever and compressed', async () => {
  const app = await serve()
  const plain = await app.inject({ url: '/assets/index-abc.js' })
  expect(plain.headers).toMatchObject({
    'cache-control': 'public, max-age=31536000, immutable',
    'content-type': 'application/javascript; charset=utf-8',
    'x-content-type-options': 'nosniff',
  })
  expect(plain.body).toBe(script)
  const packed = await app.inject({ url: '/assets/index-abc.js', headers: { 'accept-encoding': 'gzip, br' } })
  expect(packed.headers).toMatchObject({
    'content-encoding': 'br',
    'content-type': 'application/javascript; charset=utf-8',
    vary: 'origin, accept-encoding',
  })
  expect(brotliDecompressSync(packed.rawPayload).toString()).toBe(script)
})

test('other files are cached for an hour', async () => {
  const app = await serve()
  const answer = await app.inject({ url: '/fermata.svg' })
  expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'image/svg+xml'])
  expect(answer.headers['cache-control']).toBe('public, max-age=3600')
})

test.each(['/nothing', '/tasks/a/b', '/steps/', '/docs/nothing'])(
  'in a browser, %s is the page, which says that there is nothing',
  async (url) => {
    const app = await serve()
    const answer = await app.inject({ url, headers: { accept: 'text/html,*/*;q=0.8' } })
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([404, 'text/html; charset=utf-8'])
    expect(answer.body).toContain('<title>Fermata</title>')
    expect(answer.headers['content-security-policy']).toContain("default-src 'none'")
    const ofPrograms = await app.inject({ url })
    expect([ofPrograms.statusCode, ofPrograms.json().code]).toEqual([404, 'NOT_FOUND'])
    const method = await app.inject({ url, method: 'POST', headers: { accept: 'text/html' } })
    expect([method.statusCode, method.json().code]).toEqual([404, 'NOT_FOUND'])
  },
)

test('a script in the page is allowed by its hash', async () => {
  const app = await serve({ inline: 'console.log(1)' })
  const { headers } = await app.inject({ url: '/' })
  expect(headers['content-security-policy']).toContain(
    "script-src 'self' 'sha256-CihokcEcBW4atb/CW/XWsvWwbTjqwQlE9nj9ii5ww5M=';",
  )
})

test.each([
  '/nothing.js',
  '/notes.txt',
  '/.secret',
  '/index.html.br',
  '/assets/',
  '/assets/nothing-abc.js',
  '/assets/../.secret',
  '/assets/..%2f.secret',
  '/assets/%2e%2e/.secret',
  '/assets//etc/passwd',
  '/assets/%00',
  '/api/nothing',
  '/nothing%2f',
  '//nothing',
])('%s is a problem, not a page', async (url) => {
  const app = await serve()
  const answer = await app.inject({ url, headers: { accept: 'text/html' } })
  expect(answer.statusCode, answer.body).toBeOneOf([400, 404])
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
  expect(answer.body).not.toContain('secret"')
})

test('a page that is not built says so in one line, while the API works', async () => {
  const app = await serve({ built: false })
  const answer = await app.inject({ url: '/' })
  expect([answer.statusCode, answer.headers['content-type']]).toEqual([404, 'text/plain; charset=utf-8'])
  expect(answer.body).toMatch(/^The web page is not built: "npm run build" makes it\..*\n$/)
  expect((await app.inject({ url: '/assets/index-abc.js' })).statusCode).toBe(404)
  expect((await app.inject({ url: '/healthz' })).statusCode).toBe(200)
})

test('it is served only under the names of this server', async () => {
  const app = await serve()
  for (const url of ['/', '/tasks', '/fermata.svg', '/assets/index-abc.js']) {
    expect((await app.inject({ url, headers: { host: 'localhost:8000' } })).statusCode).toBe(200)
    expect((await app.inject({ url, headers: { host: 'rebound.example:8000' } })).statusCode).toBe(403)
  }
})
