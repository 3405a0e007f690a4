import { Button } from '@mantine/core'
import type { ReactNode } from 'react'
import { Icon } from '../kit/Icon.tsx'
import { WholeInput } from '../kit/WholeInput.tsx'
import { say } from '../language/say.ts'
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
    <search className={styles.bar} aria-label={say.common.filters}>
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
          aria-label={say.common.tag}
          placeholder={say.common.tag}
          leftSection={<Icon name="tag" />}
          text={filters.tag}
          onTake={(tag) => set({ tag })}
        />
        <WholeInput
          aria-label={say.common.submittedBy}
          placeholder={say.common.submittedBy}
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
            title={say.tasks.causeHint}
            onClick={() => set({ cause: '' })}
          >
            {say.tasks.cause(filters.cause.slice(0, 8))}
          </Button>
        )}
        {(filters.tookMin ?? filters.tookMax) !== null && (
          <Button
            variant="default"
            rightSection={<Icon name="close" size={14} />}
            title={say.tasks.tookHint}
            onClick={() => set({ tookMin: null, tookMax: null })}
          >
            {say.tasks.took(tookWords(filters))}
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
            {say.common.clearFilters}
          </Button>
        )}
      </div>
    </search>
  )
}

function tookWords({ tookMin, tookMax }: Filters): string {
  const [least, most] = [tookMin, tookMax].map((value) => (value === null ? '' : durationWords(value)))
  if (tookMin === null) return say.common.atMost(most ?? '')
  return tookMax === null ? say.common.atLeast(least ?? '') : say.common.range(least ?? '', most ?? '')
}
