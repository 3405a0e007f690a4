import { describe, expect } from 'vitest'
import { idPartOf } from '../../src/core/short-id.ts'
import { idSource } from '../../src/engine/ids.ts'
import { testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

export function resolving(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('a partial id', () => {
    test('resolves to its task, by its beginning and by its end, whatever its age', async (scene) => {
      const ids = await submitOver(scene, [0, 1, 30, 4_194_304, 4_194_368, 86_400_000, 40 * year])
      for (const id of ids) {
        expect(await resolved(scene, id.slice(-8))).toEqual([id])
        expect(await resolved(scene, `...${id.slice(-12)}`)).toEqual([id])
        expect(await resolved(scene, id.slice(-20))).toEqual([id])
        expect(await resolved(scene, id.slice(0, 30))).toEqual([id])
        expect(await resolved(scene, id.slice(-7))).toContain(id)
      }
      expect(await resolved(scene, ids[0]!.slice(0, 8))).toEqual(ids.slice(0, 3))
      expect(await resolved(scene, '...00000000')).toEqual([])
    })

    test('that matches many tasks resolves to the first ones, up to the limit', async (scene) => {
      const ids = await submitOver(
        scene,
        Array.from({ length: 30 }, () => 0),
      )
      const prefix = ids[0]!.slice(0, 8)
      expect(await resolved(scene, prefix, 11)).toEqual(ids.slice(0, 11))
      expect(await resolved(scene, prefix, 1)).toEqual(ids.slice(0, 1))
    })

    test('that is the end of one id and the beginning of another resolves to both', async (scene) => {
      const [early] = await submitOver(scene, [0])
      const ending = early!.slice(-8)
      const id = `${ending}-0000-7000-8000-000000000000`
      await scene.submit({ id })
      expect(await resolved(scene, ending)).toEqual([early!, id].sort())
      expect(await resolved(scene, `...${ending}`)).toEqual([early])
    })

    test('of a purged task resolves to nothing', async (scene) => {
      const [id] = await submitOver(scene, [0])
      await scene.control('cancel', { id: id! })
      await scene.store.purge([id!])
      expect(await resolved(scene, id!.slice(-8))).toEqual([])
      expect(await resolved(scene, id!.slice(0, 20))).toEqual([])
    })
  })
}

/** Milliseconds. */
const year = 31_536_000_000

/** Submits a task at each of these offsets from a fixed time, in milliseconds; returns the ids. */
async function submitOver(scene: Scene, offsets: readonly number[]): Promise<string[]> {
  let now = 0
  const newId = idSource({ now: () => now, monotonic: () => 0, after: () => () => {} })
  const ids = offsets.map((offset) => {
    now = 1_764_000_000_000 + offset
    return newId()
  })
  await scene.submitAll(...ids.map((id) => ({ id })))
  return ids
}

async function resolved(scene: Scene, text: string, limit = 11) {
  const part = idPartOf(text)
  return part === undefined ? [] : scene.store.resolve(part, limit)
}
