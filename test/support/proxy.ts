import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A reverse proxy like `location /fermata/ { proxy_pass http://127.0.0.1:PORT/; }`: it knows nothing but the prefix. */
export class PrefixProxy implements AsyncDisposable {
  readonly #server: Server
  /** Without a trailing slash. */
  readonly url: string

  private constructor(server: Server, prefix: string) {
    this.#server = server
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${prefix}`
  }

  /** `strips`: removes the prefix before it passes a request on. */
  static async to(target: number, prefix: string, { strips = true } = {}): Promise<PrefixProxy> {
    const server = createServer((incoming, answer) => {
      const { url = '', method = 'GET', headers } = incoming
      if (!url.startsWith(`${prefix}/`)) {
        answer.writeHead(404).end('nothing but the prefix is here')
        return
      }
      const path = strips ? url.slice(prefix.length) : url
      const passed = request({ host: '127.0.0.1', port: target, path, method, headers }, (received) => {
        answer.writeHead(received.statusCode ?? 502, received.headers)
        received.pipe(answer)
      })
      passed.on('error', () => answer.destroy())
      answer.on('close', () => passed.destroy())
      incoming.pipe(passed)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new PrefixProxy(server, prefix)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
