import { DatabaseInvalid } from '../../core/errors.ts'
import { hasControlCharacter } from '../../core/text.ts'

/**
 * The path of a `sqlite:PATH` address, literally: it is not a URL, so nothing in it is decoded or expanded. What other
 * programs would read as a URL, an option or a variable is refused, or it would silently name another file. Throws
 * `DatabaseInvalid`.
 */
export function pathOf(address: string, platform: NodeJS.Platform = process.platform): string {
  const path = address.slice('sqlite:'.length)
  if (path === ':memory:') return path
  const mistake = mistakes.find(([form]) => form.test(path)) ?? elsewhere(platform, path)
  if (mistake === undefined && hasControlCharacter(path)) {
    throw new DatabaseInvalid(address, 'the path contains a control character')
  }
  if (mistake !== undefined) throw new DatabaseInvalid(address, mistake[1])
  return path
}

const mistakes: readonly (readonly [RegExp, string])[] = [
  [/^$/, 'name a file, as in sqlite:./fermata.db'],
  [/^\s|\s$/, 'remove the space at the beginning or end of the path'],
  [/^:/, 'write sqlite::memory: for a database that stores nothing on disk, or sqlite:PATH'],
  [
    /^\/\//,
    'write sqlite:/PATH for a path from the root and sqlite:PATH for one from the current folder, without //',
  ],
  [/^~/, '~ is not expanded here, so write the path of the folder in full'],
  [/^\$|^%\w+%/, 'variables are not expanded here, so write the path in full'],
  [/\?/, 'a SQLite database has no options, and the name of its file cannot contain a question mark'],
  [/%[\da-f]{2}/i, 'nothing is decoded here, so write the path as it is, without % signs'],
  [/[/\\]$/, 'this is a folder, so name a file in it, as in sqlite:data/fermata.db'],
  [/(?:^|\/)\.{1,2}$/, 'this is a folder, so name a file in it, as in sqlite:./fermata.db'],
]

/** A backslash is an ordinary character where it does not separate paths: it would become part of the file name. */
function elsewhere(platform: NodeJS.Platform, path: string): readonly [RegExp, string] | undefined {
  if (platform === 'win32' || !path.includes('\\')) return undefined
  return [/\\/, 'backslashes separate folders on Windows only, so write / instead']
}
