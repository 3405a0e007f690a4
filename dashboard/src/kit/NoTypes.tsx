import { EmptyState } from './EmptyState.tsx'

/** This server defines no task types. */
export function NoTypes() {
  return (
    <EmptyState icon="shapes" title="No task types">
      <p>Start the server with your types: fermata serve --tasks FOLDER</p>
    </EmptyState>
  )
}
