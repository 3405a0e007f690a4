import { transform } from 'lightningcss'
import type { Plugin } from 'vite'

/**
 * Leaves out the styles of components that the page does not have: the library brings those of all of them, under class
 * names that its code names as well.
 */
export function usedStyles(): Plugin {
  return {
    name: 'used-styles',
    apply: 'build',
    enforce: 'post',
    generateBundle(_, bundle) {
      const files = Object.values(bundle)
      const code = files.map((file) => (file.type === 'chunk' ? file.code : '')).join('\n')
      for (const file of files) {
        if (file.type !== 'asset' || !file.fileName.endsWith('.css')) continue
        const text = Buffer.from(file.source)
        const classes = new Set([...text.toString().matchAll(/\.(m_[\da-f]+)/g)].map(([, name = '']) => name))
        const unusedSymbols = [...classes].filter((name) => !code.includes(name))
        file.source = transform({ filename: file.fileName, code: text, minify: true, unusedSymbols }).code
      }
    },
  }
}
