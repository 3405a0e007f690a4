import type { Browser } from 'playwright-core'
import { onTestFinished } from 'vitest'
import { visit, type Visit, type VisitOptions } from './browser.ts'

/** A condition may take so long on a machine that is busy with other things, in milliseconds. */
export const patience = 60_000

/** Opens an address for the length of a test. */
export async function openPage(browser: Browser, url: string, options: VisitOptions = {}): Promise<Visit> {
  const visited = await visit(browser, url, options)
  visited.page.setDefaultTimeout(patience)
  onTestFinished(() => visited[Symbol.asyncDispose]())
  return visited
}
