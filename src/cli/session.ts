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

/** For `run`, where `--json` also provides parameters. */
export type JsonOption = Readonly<{ print: boolean; document?: string }>

export const defaultUrl = 'http://localhost:8000'

/** Seconds for which long-running commands retry an unreachable server by default. */
const longPatience = 60

/** One run of a command: the server it talks to, and its outputs. */
export class Session {
  readonly url: string
  readonly client: Fermata
  readonly out = new Terminal(process.stdout)
  readonly err = new Terminal(process.stderr)
  /** Print API documents, one per line, instead of text for people. */
  readonly json: boolean
  /** Print only ids. */
  readonly quiet: boolean
  /** Seconds for which long-running commands retry an unreachable server. */
  readonly patience: number
  /** Called when the server is unreachable and will be retried. */
  onAway: (error: FermataError) => void = () => {}

  constructor({ url = process.env['FERMATA_URL'] || defaultUrl, patience, json, quiet }: CommonOptions = {}) {
    this.url = url.replace(/\/+$/, '')
    this.json = typeof json === 'object' ? json.print : (json ?? false)
    this.quiet = quiet ?? false
    this.patience = patience ?? longPatience
    try {
      this.client = new Fermata({
        url: this.url,
        headers: traceHeaders(),
        onRetry: (retry) => this.#onRetry(retry, patience),
        ...(patience === undefined ? {} : { patience }),
      })
    } catch {
      throw new UsageError(`${url} is not a server address: it must start with http:// or https://`)
    }
  }

  /** Short commands report an unreachable server immediately; long-running ones, and those with `--patience`, retry. */
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

  /** From here on, the server may disappear and come back. */
  last(): { patience: number } {
    this.#lasting = true
    return { patience: this.patience }
  }

  /** A document for programs, on one line. */
  printJson(document: unknown): Promise<void> {
    return this.out.writeExactly(`${safeJson(document)}\n`)
  }

  /** A remark for people, which is not part of the output. */
  async remark(text: string): Promise<void> {
    if (!this.quiet && !this.json) await this.err.print(this.err.paint('dim', text))
  }
}

/** As tools that trace a command pass it on. The server ignores what is invalid. */
function traceHeaders(): Record<string, string> {
  const { TRACEPARENT: traceparent, TRACESTATE: tracestate } = process.env
  const isSafe = (text: string | undefined): text is string => /^[\x20-\x7e]{1,1000}$/.test(text ?? '')
  if (!isSafe(traceparent)) return {}
  return { traceparent, ...(isSafe(tracestate) ? { tracestate } : {}) }
}
