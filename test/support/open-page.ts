import type { Browser } from 'playwright-core'
import { onTestFinished } from 'vitest'
import { visit, type Visit, type VisitOptions } from './browser.ts'

/** Opens an address for the duration of a test. */
export async function openPage(browser: Browser, url: string, options: VisitOptions = {}): Promise<Visit> {
  const visited = await visit(browser, url, options)
  onTestFinished(() => visited[Symbol.asyncDispose]())
  return visited
}
