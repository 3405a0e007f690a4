import type { Span } from '../../test/support/screen.ts'

/** Colors of a dark terminal, by palette number. */
const palette = [
  '#484f58',
  '#ff7b72',
  '#3fb950',
  '#d29922',
  '#58a6ff',
  '#bc8cff',
  '#39c5cf',
  '#c9d1d9',
] as const
const paper = '#0d1117'
const ink = '#e6edf3'

/** A page that shows the contents of a terminal. */
export function terminalPage(lines: readonly (readonly Span[])[]): string {
  return `<!doctype html><meta charset="utf-8"><style>
    body { margin: 0; background: transparent }
    main { display: inline-block; padding: 18px 22px 20px; border-radius: 10px; background: ${paper}; color: ${ink};
      font: 15px/1.42 'DejaVu Sans Mono', 'Liberation Mono', monospace; white-space: pre }
    header { height: 12px; margin-bottom: 14px } header i { display: inline-block; width: 12px; height: 12px; margin-right: 8px; border-radius: 50% }
  </style><main><header><i style="background:#ff5f57"></i><i style="background:#febc2e"></i><i style="background:#28c840"></i></header>${lines
    .map((spans) => spans.map(drawn).join(''))
    .join('\n')}</main>`
}

function drawn({ text, colour, bold, dim, inverse }: Span): string {
  const own = colour === null ? ink : (palette[colour % 8] ?? ink)
  const style = [
    inverse ? `background:${own};color:${paper}` : `color:${own}`,
    ...(bold ? ['font-weight:700'] : []),
    ...(dim ? ['opacity:.62'] : []),
  ].join(';')
  const safe = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<span style="${style}">${safe}</span>`
}
