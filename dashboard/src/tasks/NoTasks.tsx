import { Button } from '@mantine/core'
import { EmptyState } from '../kit/EmptyState.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { restrictions, type Filters } from './filters.ts'

type Props = Readonly<{
  filters: Filters
  /** The search did not look at all tasks. */
  isLimited: boolean
  onClear: () => void
}>

/** Either there are no tasks, or none that match: the way on is another one. */
export function NoTasks({ filters, isLimited, onClear }: Props) {
  if (restrictions(filters) === 0) {
    return (
      <EmptyState icon="inbox" title="No tasks yet">
        <p>Submit one here, or by POST /api/run/TYPE: it shows up at once.</p>
        <LinkButton to="/submit">Submit a task</LinkButton>
      </EmptyState>
    )
  }
  return (
    <EmptyState icon="search" title={isLimited ? 'None of the newest 10,000 matches' : 'No task matches'}>
      {isLimited ? (
        <p>
          The search for text looked no further back: other filters narrow it down, and the beginning of an id
          finds its task wherever it is.
        </p>
      ) : (
        <p>Tasks that match later are announced above. Fewer filters show more.</p>
      )}
      <Button variant="default" onClick={onClear}>
        Clear the filters
      </Button>
    </EmptyState>
  )
}
