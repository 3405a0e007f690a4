/** Display names of timeline events. */
const names: Readonly<Record<string, string>> = {
  submitted: 'Submitted',
  due: 'Due',
  ready: 'Ready to start',
  debounced: 'Debounced',
  claimed: 'Started',
  pause_requested: 'Pause requested',
  paused: 'Paused',
  pause_withdrawn: 'Pause withdrawn',
  resumed: 'Resumed',
  cancel_requested: 'Cancel requested',
  cancelled: 'Cancelled',
  completed: 'Completed',
  fence_raised: 'Fence raised',
  sleep_started: 'Sleep started',
  woken: 'Woken',
  answered: 'Answered',
  retry_scheduled: 'Retry scheduled',
  failed: 'Failed',
  released: 'Released by its node',
  unparked: 'Removed from memory',
  lost: 'Node or process lost',
  park_lost: 'Parked handler lost',
  retried: 'Retried',
}

/** Unknown events, from a newer server, keep their own names. */
export function eventName(event: string): string {
  const words = event.replaceAll('_', ' ')
  return names[event] ?? `${words.slice(0, 1).toUpperCase()}${words.slice(1)}`
}
