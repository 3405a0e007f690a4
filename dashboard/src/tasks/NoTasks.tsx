import { Button } from '@mantine/core'
import { EmptyState } from '../kit/EmptyState.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { restrictions, type Filters } from './filters.ts'

/** Either there are no tasks, or none that match: the way on is another one. */
export function NoTasks({ filters, onClear }: Readonly<{ filters: Filters; onClear: () => void }>) {
  if (restrictions(filters) === 0) {
    return (
      <EmptyState icon="inbox" title="No tasks yet">
        <p>Submit one here, or by POST /api/run/TYPE: it shows up at once.</p>
        <LinkButton to="/submit">Submit a task</LinkButton>
      </EmptyState>
    )
  }
  return (
    <EmptyState icon="search" title="No task matches">
      <p>Tasks that match later are announced above. Fewer filters show more.</p>
      <Button variant="default" onClick={onClear}>
        Clear the filters
      </Button>
    </EmptyState>
  )
}
