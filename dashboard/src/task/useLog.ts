import { useQuery, useQueryClient } from '@tanstack/react-query'
import { client } from '../data/client.ts'
import type { LogLine } from '../data/shapes.ts'

/** Maximum number of lines; the server keeps no more. */
const kept = 1_000

/** The lines of the log. Invalidating the query reads only new lines. */
export function useLog(id: string): readonly LogLine[] {
  const cache = useQueryClient()
  const queryKey = ['log', id]
  const { data } = useQuery({
    queryKey,
    queryFn: async ({ signal }): Promise<readonly LogLine[]> => {
      const known = cache.getQueryData<readonly LogLine[]>(queryKey) ?? []
      const { lines } = await client.getTaskLog(id, { after: known.at(-1)?.number ?? 0, signal })
      return lines.length === 0 ? known : [...known, ...lines].slice(-kept)
    },
  })
  return data ?? none
}

const none: readonly LogLine[] = []
