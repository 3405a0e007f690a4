import { useSessionStorage } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { controlWords } from '../controls/words.ts'
import { client } from '../data/client.ts'
import { queries } from '../data/queries.ts'
import type { Control, Operation, TaskFilter } from '../data/shapes.ts'
import { say } from '../language/say.ts'

/** A bulk operation started in this tab, and its number of tasks. */
export type Begun = Readonly<{ id: string; control: Control; of: number }>

/** Milliseconds between two reads of an operation. */
const pace = 400

const keyOf = (id: string) => ['operation', id]

/** Operations started in this tab and not dismissed yet. They survive a reload, since the server continues anyway. */
export function useBegun() {
  const [begun, set] = useSessionStorage<readonly Begun[]>({
    key: 'fermata-operations',
    defaultValue: none,
    getInitialValueInEffect: false,
  })
  return {
    begun,
    add: (one: Begun) => set((known) => [...known, one]),
    forget: (id: string) => set((known) => known.filter((one) => one.id !== id)),
  }
}

/** A bulk operation, updated until it finishes. */
export function useOperation(id: string) {
  return useQuery({
    queryKey: keyOf(id),
    queryFn: ({ signal }) => client.getOperation(id, { signal }),
    refetchInterval: ({ state: { data } }) => (data === undefined || isUnderWay(data) ? pace : false),
  })
}

/** According to the cache; sends no request. */
export function hasEnded({ id }: Begun): boolean {
  const known = queries.getQueryData<Operation>(keyOf(id))
  return known !== undefined && !isUnderWay(known)
}

/** Caches an operation that was just returned. */
export function remember(operation: Operation): void {
  queries.setQueryData(keyOf(operation.operation_id), operation)
}

export function isUnderWay({ status }: Pick<Operation, 'status'>): boolean {
  return status === 'running'
}

/** Counts the tasks that accept a control. `tell` receives intermediate counts; the signal stops the count on the server. */
export async function counted(
  control: Control,
  filter: TaskFilter,
  { signal, tell }: Readonly<{ signal: AbortSignal; tell: (matched: number) => void }>,
): Promise<Operation> {
  let count: Operation = await client.bulk(control, filter, { dryRun: true, wait: 0.5, signal })
  const { operation_id: id } = count
  try {
    while (isUnderWay(count)) {
      tell(count.matched)
      await new Promise((resolve) => setTimeout(resolve, pace))
      count = await client.getOperation(id, { signal })
    }
  } catch (error) {
    if (signal.aborted) client.cancelOperation(id).catch(() => undefined)
    throw error
  }
  if (count.status !== 'completed') throw new Error(say.tasks.countingStopped(count.status))
  return count
}

export function doneOf({ changed, unchanged, refused }: Operation): number {
  return changed + unchanged + refused
}

/** `1,200 of 5,000 paused or pausing, 3 unchanged.` */
export function outcomeWords({ control, of }: Begun, operation: Operation): string {
  const { changed, unchanged, refused, status, error } = operation
  const notes = [
    say.tasks.changedOf(changed, of, controlWords[control].done),
    ...(unchanged > 0 ? [say.tasks.unchanged(unchanged)] : []),
    ...(refused > 0 ? [say.tasks.noLongerEligible(refused)] : []),
  ]
  return `${notes.join(', ')}.${endings[status]?.(error) ?? ''}`
}

const endings: Readonly<Partial<Record<Operation['status'], (error: string | null) => string>>> = {
  interrupted: () => say.tasks.interrupted,
  failed: (error) => say.tasks.endedByError(error),
  cancelled: (error) => say.tasks.stoppedBecause(error),
}

const none: readonly Begun[] = []
