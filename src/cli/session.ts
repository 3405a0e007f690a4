import { Fermata, type FermataError, type Retry } from '../client/index.ts'
import { Terminal } from './terminal/terminal.ts'
import { safeJson } from './terminal/text.ts'
import { UsageError } from './exit.ts'

/** Options of every command that talks to a server. */
export type CommonOptions = Readonly<{
  url?: string
  patience?: number
  json?: boolean | JsonOption
  quiet?: boolean
}>

/** Of `run`, where `--json` also brings the parameters. */
export type JsonOption = Readonly<{ print: boolean; document?: string }>

export const defaultUrl = 'http://localhost:8000'

/** Seconds for which what lasts bears with a server that is away, unless told otherwise. */
const longPatience = 60

/** One run of a command: where it talks to, and where it writes. */
export class Session {
  readonly url: string
  readonly client: Fermata
  readonly out = new Terminal(process.stdout)
  readonly err = new Terminal(process.stderr)
  /** Documents of the API, one a line, instead of text for people. */
  readonly json: boolean
  /** Ids only. */
  readonly quiet: boolean
  /** Seconds for which what lasts bears with a server that is away. */
  readonly patience: number
  /** Is told when the server is away and will be tried again. */
  onAway: (error: FermataError) => void = () => {}

  constructor({ url = process.env['FERMATA_URL'] || defaultUrl, patience, json, quiet }: CommonOptions = {}) {
    this.url = url.replace(/\/+$/, '')
    this.json = typeof json === 'object' ? json.print : (json ?? false)
    this.quiet = quiet ?? false
    this.patience = patience ?? longPatience
    try {
      this.client = new Fermata({
        url: this.url,
        onRetry: (retry) => this.#onRetry(retry, patience),
        ...(patience === undefined ? {} : { patience }),
      })
    } catch {
      throw new UsageError(`${url} is not a server address: it must start with http:// or https://`)
    }
  }

  /** Who waits for an answer wants to know at once that there is no server; what lasts, and who asked for patience, waits. */
  #onRetry({ error, operation }: Retry, patience: number | undefined): void {
    if (
      this.#lasting ||
      patience !== undefined ||
      operation === 'streamTaskEvents' ||
      operation === 'streamChanges'
    ) {
      this.onAway(error)
    } else if (error.code === 'SERVER_UNREACHABLE') throw error
  }

  #lasting = false

  /** From here on the server may go away and come back. */
  last(): { patience: number } {
    this.#lasting = true
    return { patience: this.patience }
  }

  /** A document for programs, on one line. */
  printJson(document: unknown): Promise<void> {
    return this.out.writeExactly(`${safeJson(document)}\n`)
  }

  /** A remark for people, which is no part of the output. */
  async remark(text: string): Promise<void> {
    if (!this.quiet && !this.json) await this.err.print(this.err.paint('dim', text))
  }
}
