import { expect, test } from 'vitest'
import { fromLibrary } from '../core/caller.ts'
import { OptionsInvalid } from '../core/errors.ts'
import { Registry } from '../registry/registry.ts'
import type { Store } from '../store/store.ts'
import { Limits } from './limits.ts'

const logger = { debug() {}, info() {}, warn() {}, error() {} }

test('a new limit is known at once, although a read from before it is in progress', async () => {
  const names: string[] = []
  const reads: (() => void)[] = []
  // Its answers are what was stored when they were asked for.
  const list = () =>
    new Promise<unknown>((resolve) => {
      const found = names.map((name) => ({ limit: { name } }))
      reads.push(() => resolve(found))
    })
  const put = async ({ name }: Readonly<{ name: string }>) => (names.push(name), 'created')
  const store = { now: () => 1_000, limits: { list, put } } as unknown as Store
  const limits = new Limits({ store, registry: new Registry([]), logger, claimer: { kick() {} } })
  const early = expect(limits.mustKnow([{ mine: 'a' }])).rejects.toThrow(OptionsInvalid)
  const set = limits.for(fromLibrary).set('mine', { concurrency: 1 })
  await expect.poll(() => reads.length).toBe(2)
  for (const answer of reads.splice(0)) answer()
  await set
  await early
  const late = limits.mustKnow([{ mine: 'a' }])
  await expect.poll(() => reads.length).toBe(1)
  reads[0]!()
  await late
})
