import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** The simple query that commits, as in the protocol: `Q`, its length, its text. */
const commit = Buffer.from('commit\0')
const before = 5

/**
 * Sits between a program and PostgreSQL and loses what a network loses: a commit on its way to the server, or the server's
 * response. It then stays down until told to continue.
 */
export class Line implements AsyncDisposable {
  readonly #target: URL
  readonly #server = createServer((socket) => this.#join(socket))
  readonly #sockets = new Set<Socket>()
  #lose: 'commit' | 'answer' | undefined
  #down = false
  #lost: () => void = () => undefined

  private constructor(target: string) {
    this.#target = new URL(target)
  }

  static async to(target: string): Promise<Line> {
    const line = new Line(target)
    await new Promise<void>((resolve) => {
      line.#server.listen(0, '127.0.0.1', resolve)
    })
    return line
  }

  get url(): string {
    const url = new URL(this.#target)
    url.port = String((this.#server.address() as AddressInfo).port)
    return url.href
  }

  /** Resolves when the next commit, or its response, is lost with all connections. */
  loseNext(what: 'commit' | 'answer'): Promise<void> {
    this.#lose = what
    return new Promise((resolve) => {
      this.#lost = resolve
    })
  }

  goOn(): void {
    this.#down = false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#cut()
    await new Promise((resolve) => {
      this.#server.close(resolve)
    })
  }

  #join(client: Socket): void {
    if (this.#down) {
      client.destroy()
      return
    }
    const server = connect(Number(this.#target.port), this.#target.hostname)
    let deaf = false
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(one)
      one.on('error', () => undefined)
      one.on('close', () => {
        this.#sockets.delete(one)
        if (!deaf) other.destroy()
      })
    }
    server.on('data', (chunk) => void client.write(chunk))
    client.on('data', (chunk) => {
      const at = chunk.indexOf(commit)
      if (this.#lose === undefined || at === -1) {
        server.write(chunk)
        return
      }
      if (this.#lose === 'commit') {
        server.write(chunk.subarray(0, at - before))
        this.#break()
        return
      }
      // The server receives all of it, but its responses are dropped: it may still be working on it when the next
      // connection arrives.
      deaf = true
      server.removeAllListeners('data').resume()
      this.#sockets.delete(server)
      server.end(chunk)
      this.#break()
    })
  }

  #break(): void {
    this.#lose = undefined
    this.#down = true
    this.#cut()
    this.#lost()
  }

  #cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}
