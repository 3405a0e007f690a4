import { expect, test, vi } from 'vitest'
import { CodeLoader, type Delivered } from './code-loader.ts'

function loader(answers: readonly Delivered[], { reloads = true } = {}) {
  const left = [...answers]
  const reload = vi.fn(() => reloads)
  const pause = vi.fn(() => new Promise<void>((resolve) => void setTimeout(resolve, 0)))
  return { code: new CodeLoader({ delivered: async () => left.shift() ?? 'same', reload, pause }), reload }
}

test('a load that fails once is repeated', async () => {
  const { code, reload } = loader([])
  const read = vi.fn(async () => 'code').mockRejectedValueOnce(new Error('connection lost'))
  expect(await code.load(read)).toBe('code')
  expect([read.mock.calls.length, code.trouble(), reload.mock.calls.length]).toEqual([2, null, 0])
})

test('a newer version on the server reloads the page without another attempt', async () => {
  const { code, reload } = loader(['other', 'other'])
  const read = vi.fn(() => Promise.reject(new Error('404')))
  void code.load(read)
  await vi.waitFor(() => expect(reload).toHaveBeenCalledOnce())
  expect(read).toHaveBeenCalledOnce()
})

test('it waits for a server that is unreachable, says so, and reloads when it is back', async () => {
  const { code, reload } = loader(['none', 'none', 'none', 'same'])
  const told = vi.fn()
  code.subscribe(told)
  void code.load(() => Promise.reject(new Error('refused')))
  await vi.waitFor(() => expect(code.trouble()).toBe('unreachable'))
  await vi.waitFor(() => expect(reload).toHaveBeenCalledOnce())
  expect(told).toHaveBeenCalled()
})

test('files that are missing after a reload are reported, not reloaded for ever', async () => {
  const { code } = loader([], { reloads: false })
  void code.load(() => Promise.reject(new Error('404')))
  await vi.waitFor(() => expect(code.trouble()).toBe('missing'))
})
