import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { PipeStock, type Pipes } from './pipes.ts'

const aMinute = 60_000

afterEach(() => vi.unstubAllEnvs())

function stockIn(folder: string): PipeStock {
  vi.stubEnv('TMPDIR', folder)
  const stock = new PipeStock()
  onTestFinished(() => stock.close())
  return stock
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function discard(pipes: Pipes | undefined): void {
  pipes?.letGo()
  for (const stream of [pipes?.stdin, pipes?.stdout, pipes?.stderr]) stream?.destroy()
}

async function takesAgain(stock: PipeStock): Promise<void> {
  const taken = await vi.waitUntil(() => stock.take(), { timeout: aMinute, interval: 20 })
  discard(taken)
}

test('pipes are made again once what was in the way is over', { timeout: 2 * aMinute }, async () => {
  const stock = stockIn(temporaryFolder())
  vi.stubEnv('PATH', '/nonexistent')
  expect(stock.take()).toBeUndefined()
  vi.unstubAllEnvs()
  await takesAgain(stock)
})

test('pipes are made again after their folder was removed', { timeout: 2 * aMinute }, async () => {
  const folder = temporaryFolder()
  const stock = stockIn(folder)
  discard(stock.take())
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true })
  expect(stock.take()).toBeUndefined()
  await takesAgain(stock)
})
