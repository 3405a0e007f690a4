import { Button } from '@mantine/core'
import type { ReactNode } from 'react'
import { Icon } from '../kit/Icon.tsx'
import { WholeInput } from '../kit/WholeInput.tsx'
import { noFilters, restrictions, type Filters } from './filters.ts'
import { SaveView } from '../views/SaveView.tsx'
import { durationWords } from '../time/words.ts'
import styles from './FilterBar.module.css'
import { SearchBox } from './SearchBox.tsx'
import { StatusFilter } from './StatusFilter.tsx'
import { TimeFilter } from './TimeFilter.tsx'
import { TypeFilter } from './TypeFilter.tsx'
import { useCounts } from './useCounts.ts'

type Props = Readonly<{
  filters: Filters
  onChange: (filters: Filters) => void
  /** The query of a saved view. */
  address: string
  children: ReactNode
}>

/** The filters of the table. All of them are in the URL, so a filtered table can be bookmarked and shared. */
export function FilterBar({ filters, onChange, address, children }: Props) {
  const { counts, isPartial } = useCounts(filters)
  const set = (part: Partial<Filters>) => onChange({ ...filters, ...part })
  return (
    <search className={styles.bar} aria-label="Filters">
      <StatusFilter
        statuses={filters.statuses}
        counts={counts}
        isPartial={isPartial}
        onChange={(statuses) => set({ statuses })}
      />
      <div className={styles.fields}>
        <div>
          <SearchBox filters={filters} onChange={onChange} />
        </div>
        <TypeFilter types={filters.types} onChange={(types) => set({ types })} />
        <WholeInput
          aria-label="Tag"
          placeholder="Tag"
          leftSection={<Icon name="tag" />}
          text={filters.tag}
          onTake={(tag) => set({ tag })}
        />
        <WholeInput
          aria-label="Submitted by"
          placeholder="Submitted by"
          leftSection={<Icon name="key" />}
          text={filters.createdBy}
          onTake={(createdBy) => set({ createdBy })}
        />
        <TimeFilter filters={filters} onChange={set} />
        {children}
        {filters.cause !== '' && (
          <Button
            variant="default"
            rightSection={<Icon name="close" size={14} />}
            title="Failed tasks with the same cause. Click to show others too."
            onClick={() => set({ cause: '' })}
          >
            Cause {filters.cause.slice(0, 8)}
          </Button>
        )}
        {(filters.tookMin ?? filters.tookMax) !== null && (
          <Button
            variant="default"
            rightSection={<Icon name="close" size={14} />}
            title="Finished tasks by how long they ran, without pauses. Click to show others too."
            onClick={() => set({ tookMin: null, tookMax: null })}
          >
            Took {tookWords(filters)}
          </Button>
        )}
        {restrictions(filters) > 0 && <SaveView search={address} />}
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

function tookWords({ tookMin, tookMax }: Filters): string {
  const [least, most] = [tookMin, tookMax].map((value) => (value === null ? '' : durationWords(value)))
  if (tookMin === null) return `at most ${most}`
  return tookMax === null ? `at least ${least}` : `${least} to ${most}`
}
