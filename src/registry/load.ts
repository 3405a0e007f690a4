import { readdir, stat } from 'node:fs/promises'
import { basename, extname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { TaskError } from '../core/errors.ts'
import { isTaskType, type AnyTaskType } from './type.ts'

/** A module of types cannot be used; the message is one line that names the file, and the line where it can. */
export class TasksInvalid extends TaskError {
  readonly code = 'TASKS_INVALID'
}

const extensions = new Set(['.ts', '.mts', '.js', '.mjs'])

/**
 * The types that the modules at `path` export: one module, or all in a folder (not in folders below it; `*.test.*`, `*.d.ts` and
 * names that begin with `_` or `.` are passed over). Throws `TasksInvalid`.
 */
export async function loadTypes(path: string): Promise<AnyTaskType[]> {
  const files = await modulesAt(resolve(path))
  const origin = new Map<string, string>()
  const types: AnyTaskType[] = []
  for (const file of files) {
    for (const type of await typesIn(file)) {
      const earlier = origin.get(type.type)
      if (earlier !== undefined) {
        throw new TasksInvalid(
          `The task type "${type.type}" is defined in ${earlier} and again in ${file}: rename one.`,
        )
      }
      origin.set(type.type, file)
      types.push(type)
    }
  }
  if (types.length > 0) return types
  throw new TasksInvalid(`${path} exports no task types: export what defineTask or defineCommand returns.`)
}

async function modulesAt(path: string): Promise<string[]> {
  let found
  try {
    found = await stat(path)
  } catch (error) {
    throw new TasksInvalid(`The task modules at ${path} cannot be read: ${(error as Error).message}.`)
  }
  if (!found.isDirectory()) return [path]
  const names = await readdir(path)
  return names
    .filter(isModule)
    .sort()
    .map((name) => join(path, name))
}

function isModule(name: string): boolean {
  const base = basename(name, extname(name))
  return extensions.has(extname(name)) && !/^[._]/.test(base) && !/\.(test|spec|d)$/.test(base)
}

async function typesIn(file: string): Promise<AnyTaskType[]> {
  try {
    const exported = Object.values((await import(pathToFileURL(file).href)) as Record<string, unknown>)
    return [...new Set(exported.flat())].filter(isTaskType)
  } catch (error) {
    const message = error instanceof Error ? error.message.split('\n')[0] : String(error)
    throw new TasksInvalid(`The task module ${placeOf(error, file)} cannot be loaded: ${message}`, {
      cause: error,
    })
  }
}

/** The file with the line at which it failed, where the error tells. */
function placeOf(error: unknown, file: string): string {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const url = pathToFileURL(file).href
  for (const [, place = '', line] of stack.matchAll(/((?:file:\/\/)?\/[^\s()]+?):(\d+)/g)) {
    if (place === url || place === file || (place.startsWith('file:') && fileURLToPath(place) === file)) {
      return `${file}:${line}`
    }
  }
  return file
}
