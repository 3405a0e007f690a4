/**
 * Environment variables that tell a command which task it runs. A server started by a command inherits them: they are not
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

/** The variable that identifies processes of a node: its commands, and what its handlers start. */
export const nodeVariable = 'FERMATA_NODE'
