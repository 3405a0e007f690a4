import { spawnSync } from 'node:child_process'
import { median, type Measure } from './measure.ts'
import * as library from './measures/library.ts'
import * as limits from './measures/limits.ts'
import * as runtimes from './measures/runtimes.ts'
import * as postgres from './measures/postgres.ts'
import * as http from './measures/http.ts'

/**
 * `npm run bench [-- name...]`: every measure, ours and the bound next to it, alternating, each in a separate process. The
 * numbers are those of one machine on one day: compare ratios.
 */
const measures: Readonly<Record<string, Measure>> = {
  ...library,
  ...http,
  ...runtimes,
  ...postgres,
  ...limits,
}
const rounds = 3

const [chosen, side] = process.argv.slice(2)
if (side === 'ours' || side === 'limit') {
  const measure = measures[chosen ?? '']
  if (measure === undefined) throw new Error(`no measure ${chosen}`)
  process.stdout.write(String(await measure[side]()))
  process.exit(0)
}

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(measures)
const unknown = names.filter((name) => !(name in measures))
if (unknown.length > 0)
  throw new Error(`no such measure: ${unknown.join(', ')}; there are ${Object.keys(measures).join(', ')}`)

console.log('| measure | ours/s | beside it/s | ratio | aim/s | beside |\n|---|--:|--:|--:|--:|---|')
for (const name of names) {
  const measure = measures[name]
  if (measure === undefined) continue
  const ours: number[] = []
  const limit: number[] = []
  for (let round = 0; round < rounds; round++) {
    ours.push(apart(name, 'ours'))
    limit.push(apart(name, 'limit'))
  }
  const [a, b] = [median(ours), median(limit)]
  console.log(
    `| ${measure.name} | ${shown(a)} | ${shown(b)} | ${(a / b).toFixed(2)} | ${shown(measure.aim)} | ${measure.beside} |`,
  )
}

function apart(name: string, side: 'ours' | 'limit'): number {
  const run = spawnSync(process.execPath, [import.meta.filename, name, side], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const value = Number(run.stdout)
  if (run.status !== 0 || !Number.isFinite(value)) throw new Error(`${name} (${side}) failed`)
  return value
}

function shown(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
