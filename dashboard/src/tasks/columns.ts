import { useLocalStorage } from '@mantine/hooks'
import { say } from '../language/say.ts'
import type { Filters } from './filters.ts'

/** The columns of the task table, in their order, with their names and widths on screens that show them all. */
export const columns = {
  status: { name: say.common.status, width: 'var(--status-width)' },
  type: { name: say.common.type, width: 'minmax(60px, 1fr)' },
  progress: { name: say.common.progress, width: 'minmax(70px, 2fr)' },
  parameters: { name: say.common.parameters, width: 'minmax(50px, 1.4fr)' },
  caller: { name: say.common.submittedBy, width: 'minmax(50px, 0.8fr)' },
  priority: { name: say.common.priority, width: 'minmax(0, 56px)' },
  attempt: { name: say.common.attempts, width: 'minmax(0, 76px)' },
  queued: { name: say.common.queuedFor, width: 'minmax(0, 84px)' },
  duration: { name: say.common.duration, width: 'minmax(0, 84px)' },
  submitted: { name: say.common.submitted, width: 'minmax(0, 96px)' },
  started: { name: say.common.started, width: 'minmax(0, 96px)' },
  ended: { name: say.common.ended, width: 'minmax(0, 96px)' },
  id: { name: 'ID', width: '92px' },
} as const satisfies Readonly<Record<string, Readonly<{ name: string; width: string }>>>

export type Column = keyof typeof columns

export const allColumns = Object.keys(columns) as Column[]

/** Shown as far as the screen has room for them, unless the reader chooses. */
export const usualColumns: readonly Column[] = [
  'status',
  'type',
  'progress',
  'parameters',
  'duration',
  'submitted',
  'id',
]

/** An order shows what it sorts by. */
const columnsOfEnded: readonly Column[] = ['status', 'type', 'progress', 'duration', 'ended', 'id']

/** The columns in an address; null if it has none that exist. */
export function columnsOf(search: string): readonly Column[] | null {
  const named = new Set(new URLSearchParams(search).get('columns')?.split(','))
  const known = allColumns.filter((column) => named.has(column))
  return known.length === 0 ? null : known
}

/** The query of an address with these columns. */
export function withColumns(search: string, chosen: readonly Column[] | null): string {
  const rest = search
    .split('&')
    .filter((part) => part !== '' && !part.startsWith('columns='))
    .join('&')
  if (chosen === null) return rest
  return `${rest}${rest === '' ? '' : '&'}columns=${chosen.join(',')}`
}

/** With the column, or without it, in the order of the table. One always stays. */
export function toggled(chosen: readonly Column[], column: Column): readonly Column[] {
  const next = allColumns.filter((one) => chosen.includes(one) !== (one === column))
  return next.length === 0 ? chosen : next
}

/** What the table shows: the columns of the address, those kept in this browser, or null: the usual ones, as many as fit. */
export function useColumns(search: string, { order }: Filters) {
  const [kept, keep] = useLocalStorage<readonly Column[] | null>({
    key: 'fermata-columns',
    defaultValue: null,
    getInitialValueInEffect: false,
    deserialize: known,
  })
  const isByEnd = order !== 'newest' && order !== 'oldest'
  return {
    chosen: columnsOf(search) ?? kept,
    shown: columnsOf(search) ?? kept ?? (isByEnd ? columnsOfEnded : null),
    keep,
  }
}

/** Another version of the page may have kept other columns. */
function known(text: string | undefined): readonly Column[] | null {
  try {
    const kept = JSON.parse(text ?? 'null') as unknown
    return Array.isArray(kept) ? columnsOf(`columns=${kept.join(',')}`) : null
  } catch {
    return null
  }
}
