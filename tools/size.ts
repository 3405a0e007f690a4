import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'rolldown'

/**
 * The size of the client in a page: bundled and minified, and compressed. Writes it into the README; with `--check` it fails
 * if that is more than a tenth off.
 */
const root = join(import.meta.dirname, '..')
const readme = join(root, 'README.md')
const place = /(?<=<!-- size -->)[^<]*(?=<!-- \/size -->)/

const { output } = await build({
  input: join(root, 'src/client/index.ts'),
  platform: 'browser',
  write: false,
  output: { minify: true },
})
const code = output.map((chunk) => (chunk.type === 'chunk' ? chunk.code : '')).join('')
const size = { minified: code.length, compressed: gzipSync(code, { level: 9 }).length }
const shown = `${kilobytes(size.minified)} minified, ${kilobytes(size.compressed)} compressed`
const text = readFileSync(readme, 'utf8')
const written = place.exec(text)?.[0] ?? ''

console.log(shown)
if (!process.argv.includes('--check')) {
  writeFileSync(readme, text.replace(place, shown))
} else if (!isNear(written)) {
  console.error(`README.md says ${JSON.stringify(written)}; run "npm run size"`)
  process.exitCode = 1
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1_000).toFixed(1)} kB`
}

function isNear(said: string): boolean {
  const [minified = 0, compressed = 0] = [...said.matchAll(/[\d.]+/g)].map(
    ([number]) => Number(number) * 1_000,
  )
  const near = (one: number, other: number) => Math.abs(one - other) <= other / 10
  return near(minified, size.minified) && near(compressed, size.compressed)
}
