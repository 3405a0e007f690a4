import { useDocumentVisibility } from '@mantine/hooks'

/** Whether the tab is visible: a hidden tab keeps no stream and reads nothing. */
export function useIsVisible(): boolean {
  return useDocumentVisibility() === 'visible'
}
