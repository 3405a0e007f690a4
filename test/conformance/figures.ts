import { describe, expect } from 'vitest'
import type { FigureRow } from '../../src/store/figure-store.ts'
import { testsOn } from './scene.ts'
import type { StoreKind } from './stores.ts'

export function figures(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('figures', () => {
    test('are those that each writer wrote last, by type and from a step on', async ({ store }) => {
      await store.figures.put([row(), row({ type: 'odd \0' }), row({ writer: 'b' }), row({ step: 600 })], 0)
      await store.figures.put([row({ body: '2' })], 0)
      await store.figures.put([], 0)
      const found = await store.figures.since(300, 'work')
      expect(sorted(found)).toEqual(sorted([row({ body: '2' }), row({ writer: 'b' }), row({ step: 600 })]))
      expect(await store.figures.since(301, 'work')).toEqual([row({ step: 600 })])
      expect(await store.figures.since(0, 'odd \0')).toEqual([row({ type: 'odd \0' })])
      expect(await store.figures.since(0, '')).toEqual([])
    })

    test('are forgotten with the first write after their time', async ({ store }) => {
      const steps = Array.from({ length: 1_500 }, (_, step) => row({ step }))
      await store.figures.put(steps, 0)
      await store.figures.put([row({ step: 2_000 })], 500)
      expect(sorted(await store.figures.since(0, 'work'))).toEqual(
        sorted([...steps.slice(500), row({ step: 2_000 })]),
      )
      await store.figures.put([], 1_500)
      expect(await store.figures.since(0, 'work')).toEqual([row({ step: 2_000 })])
    })

    test('of several nodes are written and forgotten at the same time', async ({ store }) => {
      const writers = Array.from({ length: 10 }, (_, number) => `writer ${number}`)
      const written = writers.map((writer) => [
        row({ writer }),
        row({ writer, type: '' }),
        row({ writer, step: 1 }),
      ])
      await Promise.all(written.map((rows) => store.figures.put(rows, 0)))
      await Promise.all(written.map((rows) => store.figures.put(rows.slice(0, 2).toReversed(), 300)))
      expect(sorted(await store.figures.since(0, 'work'))).toEqual(
        sorted(writers.map((writer) => row({ writer }))),
      )
    })

    if (kind.durable)
      test('survive a restart', async (scene) => {
        await scene.store.figures.put([row()], 0)
        await scene.reopen()
        expect(await scene.store.figures.since(0, 'work')).toEqual([row()])
      })
  })
}

function row(more: Partial<FigureRow> = {}): FigureRow {
  return { step: 300, writer: 'a', type: 'work', body: '1', ...more }
}

function sorted(rows: readonly FigureRow[]): readonly FigureRow[] {
  return rows.toSorted((a, b) => a.step - b.step || (a.writer < b.writer ? -1 : 1))
}
