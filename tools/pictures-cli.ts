import chromium from '@sparticuz/chromium'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium as browsers } from 'playwright-core'
import { Fermata } from '../src/client/index.ts'
import { Screen, type Span } from '../test/support/screen.ts'
import { TestServer } from '../test/support/server.ts'
import { terminalPage } from './derived/terminal-page.ts'

/** Takes the pictures of the command line, in a real shell with a fresh server: part of `npm run screenshots`. */
const root = join(import.meta.dirname, '..')
const images = join(root, 'docs', 'images')
const folder = mkdtempSync(join(tmpdir(), 'fermata-pictures-'))
mkdirSync(images, { recursive: true })
const program = `#!/bin/sh\nexec '${process.execPath}' --conditions=fermata-source '${join(root, 'src', 'main.ts')}' "$@"\n`
writeFileSync(join(folder, 'fermata'), program, { mode: 0o755 })

try {
  await using server = await TestServer.start({
    arguments: ['serve', '--tasks', join(root, 'examples')],
    env: { FERMATA_MAX_CONCURRENT: '6', NODE_OPTIONS: '--conditions=fermata-source' },
  })
  const client = new Fermata({ url: server.url })
  const env = {
    FERMATA_URL: server.url,
    PATH: `${folder}:${process.env['PATH'] ?? ''}`,
    PS1: '\\[\\e[32m\\]$\\[\\e[0m\\] ',
  }
  const shell = { command: ['bash', '--norc', '--noprofile', '-i'], columns: 104, env } as const
  await draw({ 'cli.png': await watched(shell, client), 'top.png': await overview(shell, client) })
} finally {
  rmSync(folder, { recursive: true, force: true })
}

type Shell = Readonly<{
  command: readonly [string, ...string[]]
  columns: number
  env: Readonly<Record<string, string>>
}>

/** A watched run, a list, and all running tasks as bars. */
async function watched(shell: Shell, client: Fermata): Promise<Span[][]> {
  await using screen = new Screen([], { ...shell, rows: 23 })
  await screen.until((text) => text.includes('$'))
  await enter(screen, 'fermata run add --a 2 --b 3 --wait', (text) => /\n5\n\$/.test(text))
  await enter(screen, 'fermata run long --duration 4 --steps 20 --watch', (text) => /\n\}\n\$/.test(text))
  await client.submit('primes', { below: 400_000 }).catch(() => client.submit('fib', { n: 500_000 }))
  await fill(client)
  await enter(
    screen,
    'fermata list --limit 6',
    (text) => text.trimEnd().endsWith('\n$') && text.includes('CREATED'),
  )
  screen.type('fermata watch\r')
  await screen.until(
    (text) =>
      text.split('fermata watch')[1]?.includes('ETA') === true &&
      / [3-9]\d%/.test(text.split('fermata watch')[1] ?? ''),
  )
  return screen.spans
}

async function overview(shell: Shell, client: Fermata): Promise<Span[][]> {
  await client.submitAll('long', [
    { duration: 30, steps: 40 },
    { duration: 20, steps: 100 },
    { duration: 60, steps: 60 },
  ])
  await using screen = new Screen([], { ...shell, rows: 15 })
  await screen.until((text) => text.includes('$'))
  screen.type('fermata top\r')
  await screen.until((text) => text.includes('6 running') && text.includes('ETA'))
  return screen.spans
}

/** Tasks of which some are running, one is paused, one has failed and one is scheduled. */
async function fill(client: Fermata): Promise<void> {
  const tags = ['nightly']
  await client.submitAll(
    'long',
    [
      { duration: 12, steps: 30 },
      { duration: 25, steps: 50 },
      { duration: 50, steps: 40 },
    ],
    { tags },
  )
  const paused = await client.submit('long', { duration: 40, steps: 10 })
  await paused.pause()
  const failed = await client.submit('long', { duration: 40 }, { timeout: 0.2, max_attempts: 1 })
  await failed.result().catch(() => undefined)
  await client.submit('long', { duration: 5 }, { delay: '2h', priority: 5 })
}

async function enter(screen: Screen, line: string, isDone: (text: string) => boolean): Promise<void> {
  screen.type(`${line}\r`)
  await screen.until((text) => text.includes(line) && isDone(text))
}

async function draw(pictures: Readonly<Record<string, Span[][]>>): Promise<void> {
  const browser = await browsers.launch({
    executablePath: await chromium.executablePath(),
    args: chromium.args,
    headless: true,
  })
  const page = await browser.newPage({
    viewport: { width: 1_400, height: 900 },
    locale: 'en-US',
    deviceScaleFactor: 1.5,
  })
  for (const [name, lines] of Object.entries(pictures)) {
    await page.setContent(terminalPage(lines))
    await page.locator('main').screenshot({ path: join(images, name), omitBackground: true })
  }
  await browser.close()
}
