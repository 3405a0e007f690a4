import chromium from '@sparticuz/chromium'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { chromium as browsers } from 'playwright-core'

/** Takes the pictures of the README from a fresh server: `npm run screenshots`. */
const root = join(import.meta.dirname, '..')
const images = join(root, 'docs', 'images')
const folder = mkdtempSync(join(tmpdir(), 'fermata-pictures-'))
mkdirSync(images, { recursive: true })

const server = spawn(process.execPath, [join(root, 'src', 'main.ts'), 'serve'], {
  env: { PATH: process.env['PATH'], PORT: '0', DATABASE_URL: `sqlite:${join(folder, 'tasks.db')}` },
  stdio: ['ignore', 'pipe', 'inherit'],
})
try {
  const url = await listening(server.stdout)
  const browser = await browsers.launch({
    executablePath: await chromium.executablePath(),
    args: chromium.args,
    headless: true,
  })
  const page = await browser.newPage({ viewport: { width: 1_100, height: 1_180 }, locale: 'en-US' })
  await page.goto(`${url}/docs`)
  await page.getByText('/api/stats').first().waitFor()
  await page.screenshot({ path: join(images, 'docs.png') })
  await browser.close()
} finally {
  server.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
}

async function listening(output: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface({ input: output })) {
    const { msg, url } = JSON.parse(line) as { msg: string; url: string }
    if (msg === 'listening') return url
  }
  throw new Error('the server did not listen')
}
