import { say } from '../language/say.ts'
import { EmptyState } from './EmptyState.tsx'

/** This server defines no task types. */
export function NoTypes() {
  return (
    <EmptyState icon="shapes" title={say.common.noTaskTypes}>
      <p>{say.common.startWithTypes}</p>
    </EmptyState>
  )
}
