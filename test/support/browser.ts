import chromium from '@sparticuz/chromium'
import { chromium as browsers, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'

/** Maximum milliseconds for a condition on a busy machine. */
export const patience = 60_000

/** A real Chromium, from the package. Each of its tabs is a process, as in a normal browser. */
export async function launchBrowser(): Promise<Browser> {
  return browsers.launch({
    executablePath: await chromium.executablePath(),
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    headless: true,
  })
}

export type Visit = AsyncDisposable &
  Readonly<{
    page: Page
    /** Its requests to other hosts, and its errors. */
    faults: readonly string[]
  }>

export type VisitOptions = BrowserContextOptions &
  Readonly<{
    /** Errors that the test causes itself. */
    expected?: RegExp
  }>

/** Opens an address in a separate browser context: without cookies, storage and cache. */
export async function visit(browser: Browser, url: string, options: VisitOptions = {}): Promise<Visit> {
  const { expected, ...rest } = options
  const context = await browser.newContext({ locale: 'en-US', ...rest })
  const page = await context.newPage()
  page.setDefaultTimeout(patience)
  const faults: string[] = []
  const own = new URL(url).origin
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url())
    if (protocol.startsWith('http') && origin !== own) faults.push(`asks ${request.url()}`)
  })
  page.on('console', (message) => {
    if (message.type() === 'error' && expected?.test(message.text()) !== true) faults.push(message.text())
  })
  page.on('pageerror', (error) => faults.push(error.message))
  await page.goto(url)
  return { page, faults, [Symbol.asyncDispose]: () => context.close() }
}
