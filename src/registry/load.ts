import { readdir, stat } from 'node:fs/promises'
import { basename, extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { TaskError } from '../core/errors.ts'
import { faultPlace } from './fault-place.ts'
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
  const types = new Set<AnyTaskType>()
  for (const file of files) for (const type of await typesIn(file)) types.add(type)
  if (types.size > 0) return [...types]
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
    return exported.flat().filter(isTaskType)
  } catch (error) {
    const message = error instanceof Error ? error.message.split('\n')[0] : String(error)
    throw new TasksInvalid(`The task module ${faultPlace(error, file)} cannot be loaded: ${message}`, {
      cause: error,
    })
  }
}
