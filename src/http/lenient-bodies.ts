import type { FastifyInstance } from 'fastify'
import { reason } from '../contract/requests.ts'

/** Bodies of calls that need none. Clients send them with any content type, or leave them out. */

/** Longer bodies are not read. */
const longest = 4_096

export function ignoreBodies(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
  forgetType(scope)
}

/** Reads short bodies for `reasonIn`. Nothing in them is refused. */
export function readReasons(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (request, payload, done) => {
    const length = Number(request.headers['content-length'] ?? Number.NaN)
    if (!(length > 0 && length <= longest)) return done(null)
    const parts: Buffer[] = []
    payload.on('data', (part: Buffer) => parts.push(part))
    payload.on('error', (error) => done(error))
    payload.on('end', () => done(null, Buffer.concat(parts).toString()))
  })
  forgetType(scope)
}

/** The reason in the body; undefined if it is anything but an object with a valid one. */
export function reasonIn(body: unknown): string | undefined {
  if (typeof body !== 'string') return undefined
  try {
    const parsed = JSON.parse(body) as Readonly<{ reason?: unknown }> | null
    return reason.safeParse(parsed?.reason).data
  } catch {
    return undefined
  }
}

function forgetType(scope: FastifyInstance): void {
  scope.addHook('onRequest', (request, _reply, done) => {
    delete request.headers['content-type']
    done()
  })
}
