import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Milliseconds. */
const checkedWithin = 10_000

/** The file, and if possible the line, at which the import of a module failed. */
export function faultPlace(error: unknown, file: string): string {
  if (!(error instanceof Error)) return file
  return (
    placeIn(error.stack ?? '', (place) => place === file) ??
    importPlace(error.message) ??
    (error.name === 'SyntaxError' ? syntaxPlace(file) : undefined) ??
    file
  )
}

/** The first place in a stack, or in the platform's printout of one. */
function placeIn(text: string, isWanted: (place: string) => boolean): string | undefined {
  for (const [, place = '', line] of text.matchAll(/((?:file:\/\/)?\/[^\s()]+?):(\d+)/g)) {
    const path = place.startsWith('file:') ? fileURLToPath(place) : place
    if (isWanted(path)) return `${path}:${line}`
  }
  return undefined
}

/** The platform names the importer of a missing module, but not the line. */
function importPlace(message: string): string | undefined {
  const [, wanted = '', importer = ''] =
    /^Cannot find (?:module|package) '(.+?)' imported from (.+)$/m.exec(message) ?? []
  if (importer === '') return undefined
  const isWanted = (name: string) =>
    name === wanted || name.startsWith(`${wanted}/`) || resolve(dirname(importer), name) === wanted
  try {
    const lines = readFileSync(importer, 'utf8').split('\n')
    const index = lines.findIndex((line) =>
      [...line.matchAll(/['"]([^'"]+)['"]/g)].some(([, name = '']) => isWanted(name)),
    )
    return index === -1 ? importer : `${importer}:${index + 1}`
  } catch {
    return importer
  }
}

/** The platform shows the line only in its printout of the error. The program has a syntax error, so none of it runs. */
function syntaxPlace(file: string): string | undefined {
  const { stderr } = spawnSync(process.execPath, ['--check', file], {
    encoding: 'utf8',
    timeout: checkedWithin,
  })
  return placeIn(stderr, (place) => !place.startsWith('node:'))
}
