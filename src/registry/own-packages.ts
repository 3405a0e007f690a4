import { registerHooks } from 'node:module'
import { dirname, extname } from 'node:path'
import { pathToFileURL } from 'node:url'

/** The packages that modules of task types import. */
const library = 'fermata-tasks'
const provided = new Set([library, 'zod'])

const extension = extname(import.meta.filename)
const sources = dirname(import.meta.dirname)
/** The folder of this installation: the package, or a clone. */
const installation = pathToFileURL(`${dirname(sources)}/`).href

/** Files of this installation, by the import specifier of the library. */
const ours: Readonly<Record<string, string>> = {
  [library]: 'index',
  [`${library}/client`]: 'client/index',
  [`${library}/testing`]: 'testing/index',
}

let isProvided = false

/**
 * Lets modules anywhere on the disk import `fermata-tasks` and `zod`: those of this installation, unless the module has its
 * own. In a clone, its own modules need no build. Called once in each thread that imports modules of task types.
 */
export function provideOwnPackages(): void {
  if (isProvided) return
  isProvided = true
  registerHooks({
    resolve(specifier, context, next) {
      const [name = ''] = specifier.split('/', 1)
      if (!provided.has(name)) return next(specifier, context)
      const own = ours[specifier]
      try {
        const found = next(specifier, context)
        if (own === undefined || !found.url.startsWith(installation)) return found
      } catch (error) {
        if (!isMissing(error)) throw error
      }
      return own === undefined
        ? next(specifier, { ...context, parentURL: import.meta.url })
        : { url: pathToFileURL(`${sources}/${own}${extension}`).href, shortCircuit: true }
    },
  })
}

/** The packages are elsewhere or missing, or the clone has no build. */
function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return (
    code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND' || code === 'ERR_PACKAGE_PATH_NOT_EXPORTED'
  )
}
