import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { PipeStock, type Pipes } from './pipes.ts'

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
  const taken = await vi.waitUntil(() => stock.take(), { timeout: 60_000, interval: 20 })
  discard(taken)
}

test('pipes are created again once the obstacle is gone', async () => {
  const stock = stockIn(temporaryFolder())
  vi.stubEnv('PATH', '/nonexistent')
  expect(stock.take()).toBeUndefined()
  vi.unstubAllEnvs()
  await takesAgain(stock)
})

test('pipes are created again after their folder was removed', async () => {
  const folder = temporaryFolder()
  const stock = stockIn(folder)
  discard(stock.take())
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true })
  expect(stock.take()).toBeUndefined()
  await takesAgain(stock)
})

/** Opens files until there is room for only this many more. */
function leaveRoomFor(descriptors: number): number[] {
  const opened: number[] = []
  try {
    for (;;) opened.push(openSync('/dev/null', 'r'))
  } catch (error) {
    expect(error).toMatchObject({ code: 'EMFILE' })
  }
  for (const descriptor of opened.splice(0, descriptors)) closeSync(descriptor)
  return opened
}

function limitFiles(limit: string): void {
  execFileSync('prlimit', ['--pid', String(process.pid), `--nofile=${limit}:`])
}

// Two for each pipe, and one more while it is opened.
const needed = 7

test('wherever descriptors run out, nothing is thrown and nothing is left behind', () => {
  const folder = temporaryFolder()
  const before = /Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))![1]!
  const rooms = Array.from({ length: needed + 1 }, (_, room) => room)
  const stocks = rooms.map(() => stockIn(folder))
  for (const stock of stocks) discard(stock.take())
  limitFiles('256')
  const taken = rooms.map((room) => {
    const opened = leaveRoomFor(room)
    const pipes = stocks[room]!.take()
    for (const descriptor of opened) closeSync(descriptor)
    return pipes
  })
  limitFiles(before)
  expect(taken.map((pipes) => pipes !== undefined)).toEqual(rooms.map((room) => room >= needed))
  for (const pipes of taken) discard(pipes)
  for (const stock of stocks) stock.close()
  expect(readdirSync(folder)).toEqual([])
})
