/** True in the threads that run handlers: their modules must not open a task manager when they are imported. */
export const insideThread = { value: false }
