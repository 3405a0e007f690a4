import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { reads } from '../data/reads.ts'
import { Icon } from '../kit/Icon.tsx'
import { noFilters, restrictions, type Filters } from './filters.ts'
import styles from './FilterBar.module.css'
import { SearchBox } from './SearchBox.tsx'
import { StatusFilter } from './StatusFilter.tsx'
import { TagFilter } from './TagFilter.tsx'
import { TimeFilter } from './TimeFilter.tsx'
import { TypeFilter } from './TypeFilter.tsx'

type Props = Readonly<{ filters: Filters; onChange: (filters: Filters) => void }>

/** The filters of the table. All of them are in the URL, so a filtered table can be bookmarked and shared. */
export function FilterBar({ filters, onChange }: Props) {
  const { data: stats } = useQuery(reads.stats())
  const set = (part: Partial<Filters>) => onChange({ ...filters, ...part })
  return (
    <search className={styles.bar} aria-label="Filters">
      <StatusFilter
        statuses={filters.statuses}
        counts={stats?.counts}
        onChange={(statuses) => set({ statuses })}
      />
      <div className={styles.fields}>
        <SearchBox text={filters.text} onChange={(text) => set({ text })} />
        <TypeFilter types={filters.types} onChange={(types) => set({ types })} />
        <TagFilter key={filters.tag} tag={filters.tag} onChange={(tag) => set({ tag })} />
        <TimeFilter filters={filters} onChange={set} />
        {restrictions(filters) > 0 && (
          <Button
            variant="subtle"
            color="gray"
            leftSection={<Icon name="close" size={14} />}
            onClick={() => onChange({ ...noFilters, order: filters.order })}
          >
            Clear filters
          </Button>
        )}
      </div>
    </search>
  )
}
