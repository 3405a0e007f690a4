/** An error in one line. Its code is said once: many messages begin with it. */
export function errorWords({ code, message }: Readonly<{ code: string; message: string }>): string {
  return message.startsWith(`${code}:`) ? message : `${code}: ${message}`
}

/** The message without the code, which is shown beside it. */
export function messageWords({ code, message }: Readonly<{ code: string; message: string }>): string {
  return message.startsWith(`${code}:`) ? message.slice(code.length + 1).trim() : message
}
