import type { Plugin } from 'vite'

/** Style sheets after the frame in `index.html`, so that it shows before they have arrived. */
export function frameFirst(): Plugin {
  return {
    name: 'frame-first',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler(html) {
        const sheets = html.match(/ *<link rel="stylesheet"[^>]*>\n?/g) ?? []
        const without = sheets.reduce((text, sheet) => text.replace(sheet, ''), html)
        return without.replace('<!-- Style sheets -->', sheets.map((sheet) => sheet.trim()).join('\n    '))
      },
    },
  }
}
