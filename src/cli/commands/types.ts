import type { TypeDetails } from '../../client/index.ts'
import { duration } from '../format.ts'
import { flagsOf, shellQuoted, type Flag } from '../flags.ts'
import type { Action } from '../perform.ts'
import { runFlags } from '../options.ts'
import { Table } from '../terminal/table.ts'
import { safe, safeJson } from '../terminal/text.ts'
import type { Session } from '../session.ts'

export const types: Action = async (session, command) => {
  const [name] = command.args
  if (name !== undefined) return show(session, await session.client.getType(name))
  const { task_details: details } = await session.client.listTypes()
  const all = Object.values(details)
  if (session.json) for (const type of all) await session.printJson(type)
  else if (session.quiet) for (const { type } of all) await session.out.print(type)
  else {
    const table = new Table<TypeDetails>(
      session.out,
      [
        { title: 'TYPE', text: ({ type }) => type },
        { title: 'RUNS', text: ({ runs }) => runs, yields: 3 },
        {
          title: 'LIMIT',
          text: ({ concurrency }) => (concurrency === null ? '' : String(concurrency)),
          side: 'right',
          yields: 2,
        },
        {
          title: 'ATTEMPTS',
          text: ({ max_attempts: tries }) => (tries === 1 ? '' : String(tries)),
          side: 'right',
          yields: 4,
        },
        {
          title: 'TIMEOUT',
          text: ({ timeout }) => (timeout === null ? '' : duration(timeout)),
          side: 'right',
          yields: 5,
        },
        { title: '', text: ({ held }) => (held ? 'held' : ''), style: () => 'yellow' },
        { title: 'DESCRIPTION', text: ({ description }) => description, least: 20, yields: 1 },
      ],
      all,
    )
    await session.out.print(table.head)
    for (const type of all) await session.out.print(table.line(type))
  }
}

async function show(session: Session, type: TypeDetails): Promise<void> {
  const { out } = session
  if (session.json) return session.printJson(type)
  if (session.quiet) return out.print(type.type)
  await out.print(safe`${out.paint('bold', type.type)}${type.held ? out.paint('yellow', '  held') : ''}`)
  await out.print(`  ${type.description}`)
  const flags = flagsOf(type, runFlags())
  const table = new Table<Flag>(
    out,
    [
      { title: 'PARAMETER', text: ({ flag }) => flag },
      { title: 'VALUE', text: ({ value }) => value, least: 8 },
      { title: 'DESCRIPTION', text: ({ meaning }) => meaning, least: 10 },
    ],
    flags,
  )
  await out.print('')
  for (const line of [table.head, ...flags.map((flag) => table.line(flag))]) await out.print(safe`  ${line}`)
  if (type.example !== null) await out.print(safe`\n  ${out.paint('dim', exampleOf(type))}`)
}

/** A command that runs the example of a type. */
export function exampleOf(type: TypeDetails): string {
  return `fermata run ${type.type} --json ${shellQuoted(safeJson(type.example))}`
}
