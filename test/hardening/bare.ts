import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../support/until.ts'

export type Exchange = Readonly<{
  /** Statuses of all responses on the connection, in order. */
  statuses: readonly number[]
  text: string
  /** Whether the server closed the connection. */
  closed: boolean
}>

export type SendOptions = Readonly<{
  /** Closes the client's side after the last byte. */
  half?: boolean
  /** Each piece but the first is sent once the response contains this text. */
  once?: string
  /** Maximum milliseconds to listen after the last piece; reached only if the server hangs. */
  listen?: number
  /** The server keeps the connection open: stops listening once it has been silent for half a second. */
  staysOpen?: boolean
}>

/** Sends these bytes over a separate connection; returns the response up to the close or the end of listening. */
export async function send(
  port: number,
  pieces: string | Uint8Array | readonly (string | Uint8Array)[],
  { half = false, once = '', listen = 60_000, staysOpen = false }: SendOptions = {},
): Promise<Exchange> {
  const socket = await open(port)
  let text = ''
  let closed = false
  socket.setEncoding('latin1')
  let quiet: NodeJS.Timeout | undefined
  const answered = new Promise<void>((resolve) => {
    socket.on('data', (chunk: string) => {
      text += chunk
      clearTimeout(quiet)
      if (staysOpen) quiet = setTimeout(resolve, 500)
    })
  })
  const ended = new Promise<void>((resolve) => {
    socket.on('close', () => {
      closed = true
      resolve()
    })
  })
  const all = typeof pieces === 'string' || pieces instanceof Uint8Array ? [pieces] : pieces
  for (const [index, piece] of all.entries()) {
    if (index > 0) await until('the response has begun', () => socket.destroyed || text.includes(once))
    if (socket.destroyed) break
    socket.write(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)
  }
  if (half) socket.end()
  const over = new AbortController()
  await Promise.race([
    ended,
    answered,
    sleep(listen, undefined, { signal: over.signal }).catch(() => undefined),
  ])
  over.abort()
  clearTimeout(quiet)
  socket.destroy()
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
  return { statuses, text, closed }
}

/** Opens a connection that tolerates a reset. */
export function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.off('error', reject)
      socket.on('error', () => socket.destroy())
      resolve(socket)
    })
    socket.once('error', reject)
  })
}

/** The head of an ordinary request, except for what the test sets. */
export function head(line: string, headers: Readonly<Record<string, string | number>> = {}): string {
  const lines = Object.entries({ host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}`)
  return `${[`${line} HTTP/1.1`, ...lines].join('\r\n')}\r\n\r\n`
}
