import { Fermata, type Status } from '../../client/index.ts'
import type { Command, Option } from 'commander'
import { exitCodes } from '../exit.ts'
import { flagsOf } from '../flags.ts'
import { runFlags } from '../options.ts'
import { statuses } from '../looks.ts'
import { visible } from '../terminal/text.ts'
import { bulkActions } from './bulk.ts'

const scripts: Readonly<Record<string, string>> = {
  bash: `_fermata() {
  local word line="\${COMP_LINE:0:COMP_POINT}" words
  read -ra words <<< "$line"
  [[ "$line" == *' ' ]] && words+=('')
  word="\${words[-1]}"
  local IFS=$'\\n'
  COMPREPLY=($(fermata __complete -- "\${words[@]:1}" 2>/dev/null | cut -f1))
  # Readline splits words at colons and equal signs, too.
  local before="\${word%"\${word##*[:=]}"}"
  COMPREPLY=("\${COMPREPLY[@]#"$before"}")
}
complete -o bashdefault -o default -F _fermata fermata
`,
  zsh: `#compdef fermata
_fermata() {
  local -a found
  found=("\${(@f)$(fermata __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  found=("\${(@)found//:/\\\\:}")
  found=("\${(@)found/$'\\t'/:}")
  [[ -n "\${found[1]}" ]] && _describe -V fermata found || _files
}
compdef _fermata fermata
`,
}

/** Maximum seconds that a shell waits for a server. */
const longest = 1

/** Maximum number of ids to offer. */
const most = 50

export async function printCompletion(shell: string): Promise<void> {
  const script = scripts[shell]
  if (script !== undefined) {
    process.stdout.write(script)
    return
  }
  process.stderr.write(`fermata: no completion for ${visible(shell)}: choose bash or zsh\n`)
  process.exitCode = exitCodes.usage
}

export type Candidate = Readonly<{ value: string; meaning: string }>

/** Prints completions of the last word, one per line, with a tab before the description. Offers nothing on failure. */
export async function printCandidates(commands: readonly Command[], words: readonly string[]): Promise<void> {
  const current = words.at(-1) ?? ''
  const found = await candidates(commands, words).catch(() => [])
  const lines = found
    .filter(({ value }) => value.startsWith(current))
    .map(({ value, meaning }) => `${visible(value)}\t${visible(meaning)}\n`)
  process.stdout.write(lines.join(''))
}

async function candidates(commands: readonly Command[], words: readonly string[]): Promise<Candidate[]> {
  const [name = '', ...rest] = words
  if (words.length <= 1)
    return commands.map((command) => ({
      value: command.name(),
      meaning: command.summary() || command.description(),
    }))
  const command = commands.find((command) => command.name() === name || command.aliases().includes(name))
  if (command === undefined) return []
  const server = new Server(rest)
  const previous = rest.at(-2)
  const option = command.options.find(
    ({ long, short }) => previous !== undefined && (previous === long || previous === short),
  )
  if (option !== undefined && option.required) return valuesOf(option, server)
  if ((rest.at(-1) ?? '').startsWith('-'))
    return [...command.options.map(named), ...(name === 'run' ? await server.flags(rest[0]) : [])]
  return argumentsOf(name, rest, server)
}

function named({ long, short, description }: Option): Candidate {
  return { value: long ?? short ?? '', meaning: description }
}

async function valuesOf(option: Option, server: Server): Promise<Candidate[]> {
  if (option.argChoices !== undefined) return option.argChoices.map(plain)
  if (option.long === '--status') return statuses.map(plain)
  return option.long === '--type' || option.long === '--types' ? server.types() : []
}

/** Statuses of the tasks that a command makes sense for; any for commands not listed. */
const sensible: Readonly<Record<string, readonly Status[]>> = {
  watch: ['running', 'pausing', 'cancelling', 'queued', 'scheduled', 'waiting', 'paused'],
  pause: ['running', 'queued', 'scheduled', 'waiting'],
  resume: ['paused', 'pausing'],
  cancel: ['running', 'queued', 'scheduled', 'waiting', 'paused', 'pausing'],
  retry: ['failed', 'cancelled'],
  purge: ['completed', 'failed', 'cancelled'],
  explain: ['queued', 'scheduled', 'waiting', 'paused', 'pausing', 'running'],
}
const takeIds = new Set([...Object.keys(sensible), 'status', 'result', 'logs'])
const takeTypes = new Set(['types', 'hold', 'release'])

async function argumentsOf(name: string, rest: readonly string[], server: Server): Promise<Candidate[]> {
  if (name === 'run') return rest.length === 1 ? server.types() : []
  if (name === 'completion') return Object.keys(scripts).map(plain)
  if (name === 'bulk') return rest.length === 1 ? bulkActions.map(plain) : []
  if (takeTypes.has(name)) return server.types()
  return takeIds.has(name) ? server.ids(sensible[name], new Set(rest.slice(0, -1))) : []
}

/** Completions that only the server knows. */
class Server {
  readonly #client: Fermata
  readonly #options = { signal: AbortSignal.timeout(longest * 1_000), patience: 0 }

  constructor(words: readonly string[]) {
    const url = words[words.indexOf('--url') + 1]
    this.#client = new Fermata({
      url:
        (words.includes('--url') ? url : undefined) ??
        (process.env['FERMATA_URL'] || 'http://localhost:8000'),
    })
  }

  async types(): Promise<Candidate[]> {
    const { task_details: details } = await this.#client.listTypes(this.#options)
    return Object.values(details).map(({ type, description }) => ({ value: type, meaning: description }))
  }

  async flags(type: string | undefined): Promise<Candidate[]> {
    if (type === undefined || type.startsWith('-')) return []
    const details = await this.#client.getType(type, this.#options).catch(() => undefined)
    return details === undefined
      ? []
      : flagsOf(details, runFlags()).map(({ flag, meaning }) => ({ value: flag, meaning }))
  }

  async ids(status: readonly Status[] | undefined, given: ReadonlySet<string>): Promise<Candidate[]> {
    const filter = status === undefined ? {} : { status }
    const { tasks } = await this.#client.listTasks({ ...filter, limit: most }, this.#options)
    return tasks
      .filter(({ task_id: id }) => !given.has(id))
      .map(({ task_id: id, task_type: type, status }) => ({ value: id, meaning: `${type} ${status}` }))
  }
}

function plain(value: string): Candidate {
  return { value, meaning: '' }
}
