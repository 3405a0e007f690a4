import { Readable } from 'node:stream'

type Gathering = Readonly<{
  /** Bytes of the body according to Content-Length; undefined if it is chunked. */
  length: number | undefined
  /** A larger body is refused, and the rest of it is read and discarded. */
  limit: number
  /** A body that turns out to be larger than this, in bytes, waits for `admit`. */
  small: number
  admit: () => Promise<void>
}>

/**
 * Reads the body into one buffer, allocated once. The buffer is released as soon as it was parsed, not at some later garbage
 * collection, which would leave two copies of each large body. What `admit` throws becomes the error of the stream, and
 * leaves the connection open for a response.
 */
export function gathered(payload: Readable, { length, limit, small, admit }: Gathering): Readable {
  let first: Buffer[] = []
  let room: Buffer<ArrayBuffer> | undefined =
    length === undefined ? undefined : Buffer.allocUnsafeSlow(length)
  let received = 0

  const body = new Readable({ read: () => undefined })
  const receive = (chunk: Buffer) => {
    const from = received
    received += chunk.length
    if (received > limit) body.destroy(tooLarge())
    else if (room !== undefined) chunk.copy(room, from)
    else {
      first.push(chunk)
      if (received > small && from <= small) wait()
    }
  }
  const wait = () => {
    payload.pause()
    admit().then(
      () => {
        if (body.destroyed) return
        // Pages that are never written cost nothing.
        room = Buffer.allocUnsafeSlow(limit)
        Buffer.concat(first).copy(room)
        first = []
        payload.resume()
      },
      (error: Error) => body.destroy(error),
    )
  }
  const end = () => {
    body.push(room?.subarray(0, received) ?? Buffer.concat(first))
    body.push(null)
  }
  const fail = (error: Error) => body.destroy(error)

  payload.on('data', receive)
  payload.once('end', end)
  payload.once('error', fail)
  body.once('close', () => {
    room?.buffer.transfer(0)
    first = []
    payload.off('data', receive)
    payload.off('end', end)
    if (!payload.readableEnded) payload.resume()
  })
  return body
}

/** The error of the framework. */
function tooLarge(): Error {
  const code = { code: 'FST_ERR_CTP_BODY_TOO_LARGE', statusCode: 413 }
  return Object.assign(new Error('Request body is too large'), code)
}
