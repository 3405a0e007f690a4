import { Button } from '@mantine/core'
import { EmptyState } from '../kit/EmptyState.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { say } from '../language/say.ts'
import { restrictions, type Filters } from './filters.ts'

type Props = Readonly<{
  filters: Filters
  /** The search did not cover all tasks. */
  isLimited: boolean
  onClear: () => void
}>

/** Either there are no tasks at all, or none match; what helps differs. */
export function NoTasks({ filters, isLimited, onClear }: Props) {
  if (restrictions(filters) === 0) {
    return (
      <EmptyState icon="inbox" title={say.tasks.noTasksYet}>
        <p>{say.tasks.submitOne}</p>
        <LinkButton to="/submit">{say.common.submitTask}</LinkButton>
      </EmptyState>
    )
  }
  return (
    <EmptyState icon="search" title={isLimited ? say.tasks.noMatchInNewest : say.tasks.noMatchingTasks}>
      {isLimited ? <p>{say.tasks.searchHint}</p> : <p>{say.tasks.removeFilters}</p>}
      <Button variant="default" onClick={onClear}>
        {say.common.clearFilters}
      </Button>
    </EmptyState>
  )
}
