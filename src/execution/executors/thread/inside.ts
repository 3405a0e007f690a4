/** True in threads that run handlers: their modules must not open a task manager when imported. */
export const insideThread = { value: false }
