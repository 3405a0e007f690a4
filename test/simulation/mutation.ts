import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Bug } from './bugs.ts'

const root = join(import.meta.dirname, '..', '..')
const active = new Map<string, Bug>()

/** The module and all that it imports, once more, with the bug in it. */
export async function withBug<T>(specifier: string, bug: Bug | undefined): Promise<T> {
  const url = new URL(specifier, import.meta.url)
  if (bug !== undefined) {
    if (active.size === 0) registerHooks({ resolve, load })
    active.set(bug.name, bug)
    url.searchParams.set('bug', bug.name)
  }
  return (await import(url.href)) as T
}

/** The source with the bug in it. Throws unless each of its texts occurs exactly once. */
export function mutated(source: string, file: string, { name, edits }: Bug): string {
  let text = source
  for (const edit of edits) {
    if (edit.file !== file) continue
    const parts = text.split(edit.text)
    if (parts.length !== 2)
      throw new Error(`bug ${name}: its text occurs ${parts.length - 1} times in ${file}`)
    text = parts.join(edit.replacement)
  }
  return text
}

const resolve: NonNullable<Parameters<typeof registerHooks>[0]['resolve']> = (specifier, context, next) => {
  const resolved = next(specifier, context)
  const name = context.parentURL === undefined ? null : new URL(context.parentURL).searchParams.get('bug')
  const isOwn =
    specifier.startsWith('.') && resolved.url.startsWith('file:') && !resolved.url.includes('/node_modules/')
  if (name === null || !isOwn) return resolved
  const url = new URL(resolved.url)
  url.searchParams.set('bug', name)
  return { ...resolved, url: url.href }
}

const load: NonNullable<Parameters<typeof registerHooks>[0]['load']> = (href, context, next) => {
  const url = href.startsWith('file:') ? new URL(href) : undefined
  const bug = active.get(url?.searchParams.get('bug') ?? '')
  if (url === undefined || bug === undefined) return next(href, context)
  url.search = ''
  const path = fileURLToPath(url)
  const file = path.slice(root.length + 1)
  const source = mutated(readFileSync(path, 'utf8'), file, bug)
  return { format: 'module-typescript', source, shortCircuit: true }
}
