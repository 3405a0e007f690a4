import { readFileSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import { dirname, join, normalize, relative } from 'node:path'
import { describe, expect, test } from 'vitest'

/**
 * What a room may import besides its own files. `*` is everything; a package name ending in `*` is a prefix.
 */
type Room = Readonly<{ rooms: readonly string[] | '*'; packages: readonly string[] }>

/** The rooms and what they may import. A file belongs to the room with the longest name that its path begins with. */
const rooms: Readonly<Record<string, Room>> = {
  core: { rooms: [], packages: ['croner', 'zod'] },
  journal: { rooms: ['core'], packages: [] },
  contract: { rooms: ['core'], packages: ['zod'] },
  store: { rooms: ['core'], packages: ['node:crypto'] },
  'store/memory': { rooms: ['store', 'core'], packages: [] },
  'store/sqlite': { rooms: ['store', 'core'], packages: ['node:*'] },
  'store/postgres': { rooms: ['store', 'core'], packages: ['node:*', 'pg', 'pg-connection-string'] },
  'store/encryption': { rooms: ['store', 'core'], packages: ['node:*'] },
  registry: { rooms: ['core'], packages: ['ajv*', 'zod', 'node:*'] },
  'execution/executors': { rooms: ['registry', 'core'], packages: ['node:*'] },
  execution: { rooms: ['execution/executors', 'registry', 'store', 'journal', 'core'], packages: [] },
  scheduling: { rooms: ['store', 'journal', 'core'], packages: [] },
  cluster: { rooms: ['store', 'journal', 'core'], packages: [] },
  access: { rooms: ['store', 'core'], packages: ['node:*'] },
  delivery: { rooms: ['store', 'journal', 'core'], packages: ['ipaddr.js', 'node:*'] },
  engine: {
    rooms: [
      'access',
      'execution',
      'execution/executors',
      'scheduling',
      'cluster',
      'delivery',
      'registry',
      'store',
      'journal',
      'core',
    ],
    packages: ['uuid', 'node:*'],
  },
  http: {
    rooms: ['mcp', 'engine', 'access', 'contract', 'journal', 'core'],
    packages: ['fastify*', '@fastify/*', 'cronstrue', 'prom-client', 'zod', 'node:*'],
  },
  mcp: {
    rooms: ['contract', 'core', 'version'],
    packages: ['@modelcontextprotocol/*', 'zod'],
  },
  client: { rooms: ['contract', 'registry', 'core'], packages: ['zod'] },
  cli: { rooms: ['mcp', 'client', 'contract', 'core'], packages: ['commander', 'string-width', 'node:*'] },
  telemetry: { rooms: ['core'], packages: ['@opentelemetry/*'] },
  database: {
    rooms: ['store', 'store/sqlite', 'store/postgres', 'store/encryption', 'core'],
    packages: ['node:*'],
  },
  testing: {
    rooms: ['engine', 'execution/executors', 'registry', 'store', 'store/memory', 'core'],
    packages: [],
  },
  config: { rooms: ['core'], packages: ['zod', 'node:*'] },
  output: { rooms: [], packages: ['node:*'] },
  version: { rooms: [], packages: ['node:*'] },
  index: { rooms: '*', packages: ['node:*', '@opentelemetry/api'] },
  main: { rooms: '*', packages: ['*'] },
}

type Import = Readonly<{ file: string; target: string }>

/** Contents of files by their path below `src/`. */
type Sources = ReadonlyMap<string, string>

describe('the source', () => {
  test('imports only along the arrows between rooms', async () => {
    expect(violations(await sources())).toEqual([])
  })

  test('has no import cycles', async () => {
    expect(cycles(await sources())).toEqual([])
  })

  test('has its rooms and their arrows in CONTRIBUTING.md', () => {
    const text = readFileSync(join(import.meta.dirname, '..', 'CONTRIBUTING.md'), 'utf8')
    const told = new Map(
      [...text.matchAll(/^\| `src\/([\w/]+)(?:\.ts)?` \|[^|]*\|([^|]*)\|$/gm)].map(
        ([, room = '', arrows = '']) => [room, arrows.trim()],
      ),
    )
    const held = Object.entries(rooms).map(([room, { rooms: arrows }]) => [
      room,
      arrows === '*' ? 'everything' : arrows.length === 0 ? 'nothing' : arrows.join(', '),
    ])
    expect(Object.fromEntries(told)).toEqual(Object.fromEntries(held))
  })

  test('has a client that is standalone at run time', async () => {
    const files = await sources()
    // The rules about what JSON keeps and what a duration is are in files without imports.
    const shared = ['core/json-value.ts', 'core/duration.ts']
    const isShared = (need: string) => shared.some((file) => need.endsWith(` needs ${file}`))
    expect(atRunTime(files, 'client').filter((need) => !isShared(need))).toEqual([])
    expect(importsOf(files).filter(({ file }) => shared.includes(file))).toEqual([])
  })

  test('is what these tests check', async () => {
    const files = await sources()
    expect(files.size).toBeGreaterThan(30)
    expect(importsOf(files)).toContainEqual({
      file: 'store/sqlite/store.ts',
      target: 'store/sqlite/commits.ts',
    })
    expect(importsOf(files)).toContainEqual({ file: 'core/lifecycle.ts', target: 'core/task.ts' })
  })
})

describe('the page', () => {
  test('uses the server only through its client and contract', async () => {
    const files = await pageSources()
    expect(files.size).toBeGreaterThan(10)
    expect(beyondTheWire(files)).toEqual([])
  })

  test.each(['engine/api.ts', 'core/lifecycle.ts'])('would be found importing %s', (target) => {
    const file = 'dashboard/src/task/x.tsx'
    expect(beyondTheWire(new Map([[file, `import type { A } from '../../../src/${target}'`]]))).toHaveLength(
      1,
    )
    expect(beyondTheWire(new Map([[file, "import { a } from '../../../src/contract/a.ts'"]]))).toEqual([])
  })
})

describe('the tests of the source can fail', () => {
  const source = (files: Record<string, string>) => new Map(Object.entries(files))

  test.each([
    ['a room beyond the arrows', 'core/x.ts', "import { Commits } from '../store/sqlite/commits.ts'"],
    ['a type of one', 'engine/x.ts', "import type {\n  A,\n  B,\n} from '../http/server.ts'"],
    ['a store behind its port', 'engine/x.ts', "export { open } from '../store/sqlite/store.ts'"],
    ['an import at run time', 'client/x.ts', "const core = await import('../store/store.ts')"],
    [
      'a module that is started',
      'contract/x.ts',
      "new URL('../execution/executors/thread/thread.ts', import.meta.url)",
    ],
    ['a bare import', 'journal/x.ts', "import '../engine/api.ts'"],
    ['a type in place', 'cli/x.ts', "let store: import('../store/store.ts').Store"],
    ['a built-in module', 'core/x.ts', "import { join } from 'node:path'"],
    ['a package', 'http/x.ts', "import pg from 'pg'"],
    ['a file of no room', 'tools/x.ts', "import { z } from 'zod'"],
  ])('by %s', (_, file, text) => {
    expect(violations(source({ [file]: text }))).toHaveLength(1)
  })

  test('not for allowed imports, nor for words in comments and strings', () => {
    const allowed = {
      'engine/x.ts': "import type { Store } from '../store/store.ts'\nimport { v7 } from 'uuid'",
      'main.ts': "import { openSqlite } from './store/sqlite/store.ts'",
      'core/x.ts':
        "// import { z } from '../http/server.ts'\n/* import 'node:fs' */\nconst from = 'import fs'",
    }
    expect(violations(source(allowed))).toEqual([])
  })

  test.each([
    ["import { problems } from '../contract/problems.ts'", 1],
    ["export { problems } from '../contract/problems.ts'", 1],
    ["import { type Route, routes } from '../contract/routes.ts'", 1],
    ["import 'zod'", 1],
    ["const zod = await import('zod')", 1],
    ["import type { z } from 'zod'\nexport type * from '../contract/route.ts'", 0],
    ["import { sleep } from './waiting.ts'\nexport { Calls } from './calls.ts'", 0],
  ])('by what a client needs at run time: %s', (text, count) => {
    expect(atRunTime(source({ 'client/x.ts': text }), 'client')).toHaveLength(count)
  })

  test('for a cycle, also of types', () => {
    const cycle = {
      'core/a.ts': "import { b } from './b.ts'",
      'core/b.ts': "import type { C } from './deep/c.ts'",
      'core/deep/c.ts': "export { a } from '../a.ts'",
    }
    expect(cycles(source(cycle))).toEqual(['core/a.ts -> core/b.ts -> core/deep/c.ts -> core/a.ts'])
    expect(cycles(source({ ...cycle, 'core/b.ts': '' }))).toEqual([])
  })
})

/** Sources of the web page, by path below the root of the repository. */
async function pageSources(): Promise<Sources> {
  const root = join(import.meta.dirname, '..')
  const files = new Map<string, string>()
  for await (const file of glob('dashboard/src/**/*.{ts,tsx}', { cwd: root })) {
    if (file.endsWith('.test.ts')) continue
    files.set(normalize(file), readFileSync(join(root, file), 'utf8'))
  }
  return files
}

/** Imports of the page from the server, except from its client and contract, and the pure times of ticks. */
function beyondTheWire(files: Sources): string[] {
  return importsOf(files)
    .filter(
      ({ target }) =>
        target.startsWith('src/') && !/^src\/(?:(?:client|contract)\/|core\/ticks\.ts$)/.test(target),
    )
    .map(({ file, target }) => `${file} may not import ${target}`)
}

/** All shipped sources, without the tests beside them. */
async function sources(): Promise<Sources> {
  const root = join(import.meta.dirname, '..', 'src')
  const files = new Map<string, string>()
  for await (const file of glob('**/*.ts', { cwd: root })) {
    if (!file.endsWith('.test.ts')) files.set(normalize(file), readFileSync(join(root, file), 'utf8'))
  }
  return files
}

function violations(files: Sources): string[] {
  const homeless = [...files.keys()].filter((file) => roomOf(file) === undefined)
  const forbidden = importsOf(files).filter(
    ({ file, target }) => roomOf(file) !== undefined && !mayImport(file, target),
  )
  return [
    ...homeless.map((file) => `${file} is in no room`),
    ...forbidden.map(({ file, target }) => `${file} may not import ${target}`),
  ]
}

function mayImport(file: string, target: string): boolean {
  const home = roomOf(file)
  const room = rooms[home ?? '']
  if (room === undefined) return false
  if (!target.endsWith('.ts')) return room.packages.some((allowed) => fits(allowed, target))
  const other = roomOf(target)
  return other !== undefined && (other === home || room.rooms === '*' || room.rooms.includes(other))
}

function fits(allowed: string, name: string): boolean {
  return allowed.endsWith('*') ? name.startsWith(allowed.slice(0, -1)) : name === allowed
}

function roomOf(file: string): string | undefined {
  const names = Object.keys(rooms).filter((name) => file === `${name}.ts` || file.startsWith(`${name}/`))
  return names.toSorted((a, b) => b.length - a.length)[0]
}

/** What a room imports from elsewhere at run time, without types. */
function atRunTime(files: Sources, room: string): string[] {
  const own = [...files].filter(([file]) => roomOf(file) === room)
  const values = own.map(
    ([file, text]) =>
      [file, text.replaceAll(/^\s*(?:import|export) type\b[^'"]*['"][^'"]+['"]/gm, '')] as const,
  )
  return importsOf(new Map(values)).flatMap(({ file, target }) =>
    roomOf(target) === room ? [] : [`${file} needs ${target}`],
  )
}

/** Every import of every file: values and types, static and dynamic, and modules started by URL. */
function importsOf(files: Sources): Import[] {
  const specifier = /['"]([^'"\n]+)['"]/.source
  const forms = [
    `^\\s*(?:import|export)\\b[^'"();]*\\bfrom\\s*${specifier}`,
    `^\\s*import\\s*${specifier}`,
    `\\bimport\\(\\s*${specifier}`,
    `\\bnew URL\\(\\s*['"](\\.[^'"\n]+\\.ts)['"]\\s*,\\s*import\\.meta\\.url`,
  ].map((form) => new RegExp(form, 'gm'))
  return [...files].flatMap(([file, text]) => {
    const code = text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
    const specifiers = forms.flatMap((form) => [...code.matchAll(form)].map(([, found = '']) => found))
    return specifiers.map((found) => ({ file, target: targetOf(file, found) }))
  })
}

/** A path below `src/`, or the name of a package. */
function targetOf(file: string, specifier: string): string {
  return specifier.startsWith('.') ? relative('.', join(dirname(file), specifier)) : specifier
}

/** Import cycles, each as a path that ends where it begins. */
function cycles(files: Sources): string[] {
  const targets = Map.groupBy(importsOf(files), ({ file }) => file)
  const done = new Set<string>()
  const found: string[] = []
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      found.push([...path.slice(path.indexOf(file)), file].join(' -> '))
      return
    }
    if (done.has(file)) return
    for (const { target } of targets.get(file) ?? []) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of files.keys()) visit(file, [])
  return found
}
