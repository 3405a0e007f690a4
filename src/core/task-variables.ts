/**
 * The environment in which a command finds what it runs for. A server that a command starts inherits it: these are no
 * settings.
 */
export function taskVariables(of: Readonly<{ id: string; type: string; attempt: number; fence: number }>) {
  return {
    FERMATA_TASK_ID: of.id,
    FERMATA_TASK_TYPE: of.type,
    FERMATA_ATTEMPT: String(of.attempt),
    FERMATA_FENCE: String(of.fence),
  }
}

/** The variable by which a process is known as one of a node's: of its commands, and of what its handlers start. */
export const nodeVariable = 'FERMATA_NODE'
