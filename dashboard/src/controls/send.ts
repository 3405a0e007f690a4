import { client } from '../data/client.ts'
import type { Control } from '../data/shapes.ts'

/** Sends a control to a task; returns the resulting status. */
export async function send(control: Control, id: string): Promise<string> {
  const { status } = await senders[control](id)
  return status
}

const senders = {
  pause: (id: string) => client.pauseTask(id),
  resume: (id: string) => client.resumeTask(id),
  cancel: (id: string) => client.cancelTask(id),
  retry: (id: string) => client.retryTask(id),
} as const satisfies Record<Control, (id: string) => unknown>
