import { readdir, realpath, stat } from 'node:fs/promises'
import { basename, extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { TaskError } from '../core/errors.ts'
import { faultPlace } from './fault-place.ts'
import { provideOwnPackages } from './own-packages.ts'
import { isDefinedSchedule, type DefinedSchedule } from './schedule.ts'
import { isTaskType, type AnyTaskType } from './type.ts'

/** A module of types cannot be used; the message is one line that names the file, and if possible the line. */
export class TasksInvalid extends TaskError {
  readonly code = 'TASKS_INVALID'
}

const extensions = new Set(['.ts', '.mts', '.js', '.mjs'])

/** What modules of tasks export. */
export type Loaded = Readonly<{ types: readonly AnyTaskType[]; schedules: readonly DefinedSchedule[] }>

/**
 * The types and schedules exported by the modules at `path`: one module, or all in a folder and its subfolders. Skips
 * `node_modules`, `*.test.*`, `*.d.ts` and names that start with `_` or `.`. Throws `TasksInvalid`.
 */
export async function loadTasks(path: string): Promise<Loaded> {
  const files = await modulesAt(resolve(path))
  provideOwnPackages()
  const types = new Map<AnyTaskType, AnyTaskType>()
  const schedules = new Set<DefinedSchedule>()
  for (const file of files) {
    const exported = await exportsOf(file)
    for (const type of exported.filter(isTaskType)) if (!types.has(type)) types.set(type, placed(type, file))
    for (const schedule of exported.filter(isDefinedSchedule)) schedules.add(schedule)
  }
  if (types.size + schedules.size > 0) return { types: [...types.values()], schedules: [...schedules] }
  throw new TasksInvalid(
    `${path} exports no task types. Export the return values of defineTask or defineCommand.`,
  )
}

/** A type for a thread or process, which imports it from where it was found. */
function placed(type: AnyTaskType, file: string): AnyTaskType {
  const needsModule = type.runs === 'thread' || type.runs === 'process'
  return needsModule && type.module === null
    ? Object.freeze({ ...type, module: pathToFileURL(file).href })
    : type
}

/** `seen`: real paths of the folders being read, which a link may lead back to. */
async function modulesAt(path: string, seen: readonly string[] = []): Promise<string[]> {
  let found
  try {
    found = await stat(path)
  } catch (error) {
    throw new TasksInvalid(`Cannot read task modules at ${path}: ${(error as Error).message}.`)
  }
  if (!found.isDirectory()) return [path]
  const real = await realpath(path)
  if (seen.includes(real)) return []
  const files: string[] = []
  for (const entry of (await readdir(path, { withFileTypes: true })).sort(byName)) {
    const { name } = entry
    const inner = join(path, name)
    if (/^[._]/.test(name) || name === 'node_modules') continue
    const isFolder = entry.isSymbolicLink() ? await isFolderAt(inner) : entry.isDirectory()
    if (isFolder) files.push(...(await modulesAt(inner, [...seen, real])))
    else if (isModule(name)) files.push(inner)
  }
  return files
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : 1
}

async function isFolderAt(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}

/** `npm init` writes "type": "commonjs", and then no module of the package may have imports. */
function remedyFor(error: unknown, file: string): string {
  if (!(error instanceof SyntaxError) || !error.message.startsWith('Cannot use import statement')) return ''
  return `. Set "type": "module" in its package.json, or use the extension .m${extname(file).slice(1)}.`
}

function isModule(name: string): boolean {
  const base = basename(name, extname(name))
  return extensions.has(extname(name)) && !/\.(test|spec|d)$/.test(base)
}

async function exportsOf(file: string): Promise<unknown[]> {
  try {
    const exported = Object.values((await import(pathToFileURL(file).href)) as Record<string, unknown>)
    return exported.flat()
  } catch (error) {
    const message = error instanceof Error ? error.message.split('\n')[0] : String(error)
    throw new TasksInvalid(
      `The task module ${faultPlace(error, file)} cannot be loaded: ${message}${remedyFor(error, file)}`,
      {
        cause: error,
      },
    )
  }
}
