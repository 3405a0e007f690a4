/** An error in one line. Many messages already start with the code, so it is shown once. */
export function errorWords({ code, message }: Readonly<{ code: string; message: string }>): string {
  return message.startsWith(`${code}:`) ? message : `${code}: ${message}`
}

/** The message without the code, which is shown next to it. */
export function messageWords({ code, message }: Readonly<{ code: string; message: string }>): string {
  return message.startsWith(`${code}:`) ? message.slice(code.length + 1).trim() : message
}

type ErrorText = Readonly<{ code: string; message: string }>

/** Whether the page of a task already shows this error in full, as that of the task. */
export function isShownAbove({ code, message }: ErrorText, above: ErrorText | null): boolean {
  // Messages in the timeline are cut.
  return above !== null && code === above.code && above.message.startsWith(message.replace(/…$/, ''))
}
