import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

type Received = Readonly<{ path: string; headers: Record<string, string>; body: string }>
type Message = Readonly<{ type: string; timestamp: string; data: Record<string, unknown> }>

/** A receiver of messages, which answers as the test wants. */
export class Receiver implements AsyncDisposable {
  readonly received: Received[] = []
  answer: RequestListener = (_, response) => void response.writeHead(204).end()
  readonly #server: Server

  static async start(): Promise<Receiver> {
    const receiver = new Receiver()
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve))
    return receiver
  }

  private constructor() {
    this.#server = createServer((request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        const headers = request.headers as Record<string, string>
        this.received.push({ path: request.url ?? '', headers, body: Buffer.concat(parts).toString() })
        this.answer(request, response)
      })
    })
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get messages(): Message[] {
    return this.received.map(({ body }) => JSON.parse(body) as Message)
  }

  of(taskId: string): Message[] {
    return this.messages.filter(({ data }) => data['task_id'] === taskId)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
