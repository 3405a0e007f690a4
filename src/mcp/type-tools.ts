import type { Tool } from '@modelcontextprotocol/server'
import { toolNames } from './tools.ts'
import type { TypeDescription } from './task-server.ts'

/**
 * Types by the names of their tools. A tool has the name of its type, with two exceptions: names of tools have no colons, and
 * the tools for handling tasks keep their names.
 */
export function toolsOfTypes(types: readonly TypeDescription[]): ReadonlyMap<string, TypeDescription> {
  const taken = new Set(types.map(({ type }) => type))
  const named = new Map<string, TypeDescription>()
  for (const details of types) named.set(nameFor(details.type, taken), details)
  return named
}

function nameFor(type: string, taken: Set<string>): string {
  let name = type.replaceAll(':', '.')
  if (name === type && !toolNames.has(name)) return name
  while (taken.has(name) || toolNames.has(name)) name = `run_${name}`
  taken.add(name)
  return name
}

/** The declaration of the tool for a type. */
export function declarationOf(
  name: string,
  { type, description, parameters, example }: TypeDescription,
): Tool {
  return {
    name,
    ...(name === type ? {} : { title: type }),
    description: description === '' ? `Runs a task of type ${type}.` : description,
    inputSchema: {
      ...parameters,
      ...(example === null ? {} : { examples: [example] }),
      type: 'object',
    },
  }
}
