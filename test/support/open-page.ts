import type { Browser } from 'playwright-core'
import { onTestFinished } from 'vitest'
import { visit, type Visit, type VisitOptions } from './browser.ts'

/** Maximum milliseconds for a condition on a busy machine. */
export const patience = 60_000

/** Opens an address for the duration of a test. */
export async function openPage(browser: Browser, url: string, options: VisitOptions = {}): Promise<Visit> {
  const visited = await visit(browser, url, options)
  visited.page.setDefaultTimeout(patience)
  onTestFinished(() => visited[Symbol.asyncDispose]())
  return visited
}
