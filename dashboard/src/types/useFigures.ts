import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { client } from '../data/client.ts'
import { figuresOf, type Figures } from './figures.ts'

export type Time = '1h' | '24h'

/** Figures of these types, from all tasks that ended within a time, on any node. */
export function useFigures(types: readonly string[], time: Time) {
  return useQuery({
    queryKey: ['figures', time, types],
    queryFn: async ({ signal }): Promise<ReadonlyMap<string, Figures>> => {
      const read = async (type: string) =>
        [type, figuresOf(await client.getHistory({ span: time, type, signal }))] as const
      return new Map(await Promise.all(types.map(read)))
    },
    refetchInterval: 10_000,
    placeholderData: keepPreviousData,
  })
}
