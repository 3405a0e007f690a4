import { useDocumentVisibility } from '@mantine/hooks'

/** Whether somebody may be looking: a hidden tab holds no stream, and reads nothing. */
export function useIsVisible(): boolean {
  return useDocumentVisibility() === 'visible'
}
