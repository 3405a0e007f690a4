import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export type Exchange = Readonly<{
  /** Statuses of all answers on the connection, in order. */
  statuses: readonly number[]
  text: string
  /** The server has ended the connection. */
  closed: boolean
}>

export type Say = Readonly<{
  /** Ends our half after the last byte. */
  half?: boolean
  /** Milliseconds between the pieces. */
  pause?: number
  /** Milliseconds to listen at most after the last piece; only a server that hangs lets them pass. */
  listen?: number
  /** The server is not expected to end the connection: what follows its answer after half a second is not heard. */
  staysOpen?: boolean
}>

/** Says these bytes over a connection of their own, and tells what came back until it was closed or nothing more came. */
export async function say(
  port: number,
  pieces: string | Uint8Array | readonly (string | Uint8Array)[],
  { half = false, pause = 0, listen = 60_000, staysOpen = false }: Say = {},
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
  for (const piece of typeof pieces === 'string' || pieces instanceof Uint8Array ? [pieces] : pieces) {
    if (socket.destroyed) break
    socket.write(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)
    if (pause > 0) await sleep(pause)
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

/** A connection that bears to be reset. */
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

/** The head of a request that a sane client could have sent, but for what a test makes of it. */
export function head(line: string, headers: Readonly<Record<string, string | number>> = {}): string {
  const lines = Object.entries({ host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}`)
  return `${[`${line} HTTP/1.1`, ...lines].join('\r\n')}\r\n\r\n`
}
