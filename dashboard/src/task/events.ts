/** Display names of timeline events. */
const names: Readonly<Record<string, string>> = {
  submit: 'Submitted',
  due: 'Due',
  claim: 'Started',
  pause: 'Paused',
  'ask-pause': 'Pause requested',
  'settle-pause': 'Paused',
  'take-back': 'Pause withdrawn',
  resume: 'Resumed',
  cancel: 'Cancelled',
  'ask-cancel': 'Cancel requested',
  'settle-cancel': 'Cancelled',
  complete: 'Completed',
  fence: 'Fenced off',
  'retry-later': 'Retry scheduled',
  'retry-paused': 'Failed while pausing',
  fail: 'Failed',
  release: 'Released by its node',
  'release-paused': 'Paused by its node',
  unpark: 'Removed from memory',
  lost: 'Node lost',
  'lost-pausing': 'Node lost, paused',
  'lost-cancelling': 'Node lost, cancelled',
  'lost-parked': 'Node lost while paused',
  retry: 'Retried',
}

/** Unknown events, from a newer server, keep their own names. */
export function eventName(event: string): string {
  const words = event.replaceAll(/[-_]/g, ' ')
  return names[event] ?? `${words.slice(0, 1).toUpperCase()}${words.slice(1)}`
}
