import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { client } from '../data/client.ts'
import { figuresOf, sampleOf, type Figures, type Sample } from './figures.ts'

export const times = { '1h': 3_600, '24h': 86_400 } as const
export type Time = keyof typeof times

export type AllFigures = Readonly<{
  of: ReadonlyMap<string, Figures>
  /** Hours that they cover: fewer than asked for if more tasks ended than are returned. */
  hours: number
  limited: boolean
}>

/** Figures of all types from the tasks that ended within a time, on any node. */
export function useFigures(time: Time) {
  return useQuery({
    queryKey: ['figures', time],
    queryFn: async ({ signal }): Promise<AllFigures> => {
      const from = Date.now() / 1_000 - times[time]
      const { runs, from: start, until, limited } = await client.listRuns({ from }, { signal })
      const byType = new Map<string, Sample[]>()
      let oldest = until
      for (const run of runs) {
        const sample = sampleOf(run)
        if (sample === null) continue
        oldest = Math.min(oldest, sample.endedAt)
        const samples = byType.get(run.task_type)
        if (samples === undefined) byType.set(run.task_type, [sample])
        else samples.push(sample)
      }
      const hours = Math.max(1, until - (limited ? oldest : start)) / 3_600
      return {
        of: new Map(Array.from(byType, ([type, samples]) => [type, figuresOf(samples, hours)])),
        hours,
        limited,
      }
    },
    refetchInterval: 10_000,
    placeholderData: keepPreviousData,
  })
}
