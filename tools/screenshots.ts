import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { launchBrowser, visit } from '../test/support/browser.ts'
import { setup as buildPage } from '../test/support/built.ts'
import { TestServer } from '../test/support/server.ts'
import { livelyTasks } from './screenshots/lively-tasks.ts'

/**
 * Takes the pictures of the documentation from a fresh server with tasks in every state: `npm run screenshots`. With `--look
 * FOLDER`, takes each page in all widths, light and dark; `--locale de-DE` takes them in another language.
 */
const root = join(import.meta.dirname, '..')
/** Pictures taken concurrently: most of the time is spent waiting for animations. */
const atOnce = 4
const { values } = parseArgs({
  options: { look: { type: 'string' }, locale: { type: 'string', default: 'en-US' } },
})
const folder = mkdtempSync(join(tmpdir(), 'fermata-pictures-'))

await buildPage()
await using server = await TestServer.start({
  directory: folder,
  env: { NODE_OPTIONS: '--conditions=fermata-source', FERMATA_TASKS: join(root, 'examples') },
})
const browser = await launchBrowser()
try {
  const { running, failed, order } = await livelyTasks(server.url)
  const pages = {
    overview: '/',
    tasks: '/tasks',
    task: `/tasks/${running}`,
    submit: '/submit/links',
    types: '/types',
    nodes: '/nodes',
    docs: '/docs',
  }
  const others = {
    failures: '/failures',
    schedules: '/schedules?new',
    failed: `/tasks/${failed}`,
    order: `/tasks/${order}`,
    week: '/schedules?week',
    schedule: '/schedules/nightly',
    limits: '/limits',
    limit: '/limits/mail-api',
    webhooks: '/webhooks',
    waits: '/waits',
    type: '/types/add',
    keys: '/keys',
    audit: '/audit',
    longest: '/tasks?order=longest&columns=status,type,progress,caller,attempt,duration,submitted,ended,id',
    lost: '/nothing',
  }
  const pictures =
    values.look === undefined
      ? Object.entries(pages).map(([name, path]) => ({ name, path, width: 1_440, scheme: schemeOf(name) }))
      : Object.entries({ ...pages, ...others }).flatMap(([name, path]) =>
          [1_440, 1_024, 390].flatMap((width) =>
            (['light', 'dark'] as const).map((scheme) => ({
              name: `${name}-${width}-${scheme}`,
              path,
              width,
              scheme,
            })),
          ),
        )
  const target = values.look ?? join(root, 'docs', 'images')
  mkdirSync(target, { recursive: true })
  const waiting = pictures.values()
  const takeAll = async () => {
    for (const picture of waiting) await take(picture, target)
  }
  await Promise.all(Array.from({ length: atOnce }, takeAll))
} finally {
  await browser.close()
  rmSync(folder, { recursive: true, force: true })
}

type Picture = Readonly<{ name: string; path: string; width: number; scheme: 'light' | 'dark' }>

/** The page of a task is shown in the dark theme. */
function schemeOf(name: string): Picture['scheme'] {
  return name === 'task' ? 'dark' : 'light'
}

/** Reports when it is done, and which one failed. */
async function take(picture: Picture, target: string): Promise<void> {
  try {
    await photograph(picture, join(target, `${picture.name}.png`))
    console.log(picture.name)
  } catch (error) {
    throw new Error(`the picture ${picture.name} of ${picture.path} cannot be taken`, { cause: error })
  }
}

async function photograph({ path, width, scheme }: Picture, file: string): Promise<void> {
  const height = width < 500 ? 844 : 900
  await using visited = await visit(browser, `${server.url}${path}`, {
    viewport: { width, height },
    colorScheme: scheme,
    locale: values.locale,
  })
  const { page } = visited
  await page.locator('h1, .opblock-tag-section').first().waitFor()
  await page.locator('.mantine-Skeleton-root, [aria-busy="true"]').first().waitFor({ state: 'hidden' })
  // Bars and lines finish their animations.
  await page.waitForTimeout(1_500)
  await page.screenshot({ path: file })
}
