import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const docs = join(import.meta.dirname, '..', '..', 'docs')

type Figures = Readonly<Record<string, number>>
type Report = Readonly<{
  day: string
  machine: string
  commit: string
  rounds: number
  versions: Readonly<Record<string, string>>
  systems: Readonly<Record<string, Readonly<{ title: string; group: string; durability: string }>>>
  rows: Readonly<
    Record<string, Readonly<{ title: string; unit: string; figures: Readonly<Record<string, Figures>> }>>
  >
}>

/** The tables of `npm run bench:rivals`, between the comments of the page. */
export function performancePage(): string {
  const page = readFileSync(join(docs, 'performance.md'), 'utf8')
  const report = JSON.parse(readFileSync(join(docs, 'figures', 'rivals.json'), 'utf8')) as Report
  const region = /(<!-- rivals: [^>]* -->\n)[^]*(<!-- \/rivals -->)/
  if (!region.test(page)) throw new Error('docs/performance.md has no place for the figures of the rivals')
  return page.replace(
    region,
    (_, before: string, after: string) => `${before}\n${tables(report)}\n\n${after}`,
  )
}

function tables({ day, machine, commit, rounds, versions, systems, rows }: Report): string {
  const groups = [...new Set(Object.values(systems).map(({ group }) => group))]
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return [
    `Measured on ${day} at commit ${commit} on ${machine}: ${rounds === 1 ? 'one run' : `medians of ${rounds} runs`}. Versions: ${packages.join(', ')}.`,
    ...groups.map((group) => {
      const names = Object.keys(systems).filter((name) => systems[name]?.group === group)
      const [ours = '', ...all] = names
      const others = all.filter((name) => systems[name]?.durability === systems[ours]?.durability)
      const head = ['', ...names.map((name) => systems[name]?.title ?? name), 'ratio']
      const lines = Object.values(rows).map(({ title, unit, figures }) => {
        const cells = names.map((name) => shown(unit, figures[name]))
        return [
          title,
          ...cells,
          comparison(
            unit,
            figures[ours],
            others.map((name) => figures[name]),
          ),
        ]
      })
      const safe = names.map((name) => `- **${systems[name]?.title}**: ${systems[name]?.durability}`)
      return [
        `### ${group}`,
        '',
        line(head),
        line(head.map((_, index) => (index === 0 ? '---' : '--:'))),
        ...lines.map(line),
        '',
        'What is safe once a submit has been answered:',
        '',
        ...safe,
      ].join('\n')
    }),
  ].join('\n\n')
}

function shown(unit: string, figures: Figures | undefined): string {
  if (figures === undefined) return 'not finished'
  if (unit === 'ms') return `${figures['p50']?.toFixed(1)} / ${figures['p99']?.toFixed(1)} ms`
  return `${Math.round(figures['rate'] ?? 0).toLocaleString('en-US')}/s`
}

function comparison(
  unit: string,
  ours: Figures | undefined,
  others: readonly (Figures | undefined)[],
): string {
  if (ours === undefined) return ''
  const part = (key: string) => {
    const all = others.flatMap((figures) => (figures?.[key] === undefined ? [] : [figures[key]]))
    const best = unit === 'ms' ? Math.min(...all) : Math.max(...all)
    return ((ours[key] ?? 0) / best).toFixed(2)
  }
  return unit === 'ms' ? `${part('p50')} / ${part('p99')}` : part('rate')
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}
