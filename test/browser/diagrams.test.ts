import { glob, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { launchBrowser } from '../support/browser.ts'

const root = join(import.meta.dirname, '..', '..')
const script = join(
  dirname(createRequire(import.meta.url).resolve('mermaid/package.json')),
  'dist',
  'mermaid.min.js',
)

declare const mermaid: { render(id: string, text: string): Promise<{ svg: string }> }

async function diagrams(): Promise<Readonly<{ name: string; text: string }>[]> {
  const found = []
  for await (const file of glob('docs/**/*.md', { cwd: root })) {
    const page = await readFile(join(root, file), 'utf8')
    const blocks = page.matchAll(/^```mermaid\n([\s\S]*?)^```$/gm)
    for (const [index, [, text = '']] of [...blocks].entries())
      found.push({ name: `${file} (${index + 1})`, text })
  }
  return found
}

test('every diagram in the docs renders', async () => {
  const all = await diagrams()
  expect(all.map(({ name }) => name)).toContain('docs/lifecycle.md (1)')
  const browser = await launchBrowser()
  try {
    const page = await browser.newPage()
    await page.addScriptTag({ path: script })
    const render = (text: string) =>
      page.evaluate(
        (source) =>
          mermaid.render('diagram', source).then(
            ({ svg }) => svg,
            (error: unknown) => `failed: ${String(error)}`,
          ),
        text,
      )
    for (const { name, text } of all) expect(await render(text), name).toMatch(/^<svg/)
    expect(await render('stateDiagram-v2\n  a --> --> b'), 'a broken one').toMatch(/^failed/)
  } finally {
    await browser.close()
  }
})
