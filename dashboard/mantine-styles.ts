import type { Plugin } from 'vite'

/** Style sheets that all components depend on. */
const foundations = ['baseline', 'default-css-variables', 'global']

/** Checks that `theme/mantine.ts` imports the style sheets of exactly the components in use. */
export function mantineStyles(): Plugin {
  return {
    name: 'mantine-styles',
    apply: 'build',
    generateBundle(_, bundle) {
      const modules = Object.values(bundle).flatMap((file) =>
        file.type === 'chunk' ? Object.keys(file.modules) : [],
      )
      const needed = named(modules, /@mantine\/core\/esm\/.*?([^/]+)\.module\.mjs$/).concat(foundations)
      const taken = named([...this.getModuleIds()], /@mantine\/core\/styles\/([^/]+)\.css$/)
      const missing = needed.filter((name) => !taken.includes(name))
      const idle = taken.filter((name) => !needed.includes(name))
      if (missing.length > 0) this.error(`theme/mantine.ts must import the styles of ${missing.join(', ')}`)
      if (idle.length > 0) this.error(`theme/mantine.ts need not import the styles of ${idle.join(', ')}`)
    },
  }
}

function named(ids: readonly string[], pattern: RegExp): string[] {
  return [...new Set(ids.flatMap((id) => pattern.exec(id)?.[1] ?? []))]
}
