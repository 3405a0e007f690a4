import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'

export type Received = Readonly<{
  path: string
  headers: IncomingHttpHeaders
  body: string
  message: Readonly<{ type: string; timestamp: string; data: Readonly<Record<string, unknown>> }>
}>

/** `hang`: no answer at all. */
export type Reply =
  | number
  | 'hang'
  | 'disconnect'
  | Readonly<{ status: number; headers?: Record<string, string>; after?: number }>

/** A receiver of webhooks on this machine, which answers as a test decides. */
export class Receiver implements AsyncDisposable {
  readonly received: Received[] = []
  /** What the next messages are answered, by path; then 204. */
  readonly replies = new Map<string, Reply[]>()
  /** For all messages to a path without replies of its own. */
  readonly always = new Map<string, Reply>()
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const path = request.url ?? ''
      const body = Buffer.concat(chunks).toString()
      this.received.push({
        path,
        headers: request.headers,
        body,
        message: JSON.parse(body) as Received['message'],
      })
      const reply = this.replies.get(path)?.shift() ?? this.always.get(path) ?? 204
      if (reply === 'hang') return
      if (reply === 'disconnect') {
        request.socket.destroy()
        return
      }
      const { status, headers = {}, after = 0 } = typeof reply === 'number' ? { status: reply } : reply
      setTimeout(() => response.writeHead(status, headers).end('the answer of the receiver'), after)
    })
  })

  static async open(): Promise<Receiver> {
    const receiver = new Receiver()
    await new Promise<void>((resolve) => {
      receiver.#server.listen(0, '127.0.0.1', resolve)
    })
    return receiver
  }

  url(path: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`
  }

  at(path: string): Received[] {
    return this.received.filter((one) => one.path === path)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => {
      this.#server.close(resolve)
    })
  }
}

/** Throws unless the reference implementation accepts the message. */
export function verify({ body, headers }: Received, secret: string): void {
  new Webhook(secret).verify(body, headers as Record<string, string>)
}
