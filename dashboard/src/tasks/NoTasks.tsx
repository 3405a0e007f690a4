import { Button } from '@mantine/core'
import { EmptyState } from '../kit/EmptyState.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
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
      <EmptyState icon="inbox" title="No tasks yet">
        <p>Submit one here, or with POST /api/run/TYPE. It appears immediately.</p>
        <LinkButton to="/submit">Submit task</LinkButton>
      </EmptyState>
    )
  }
  return (
    <EmptyState icon="search" title={isLimited ? 'No match in the newest 10,000 tasks' : 'No matching tasks'}>
      {isLimited ? (
        <p>
          Text search covers only the newest 10,000 tasks. Narrow it down with other filters, or search for
          the beginning of an id, which finds any task.
        </p>
      ) : (
        <p>Remove filters to see more tasks. New matches are announced above.</p>
      )}
      <Button variant="default" onClick={onClear}>
        Clear filters
      </Button>
    </EmptyState>
  )
}
