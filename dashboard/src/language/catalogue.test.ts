import { readFileSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { parseSync } from 'rolldown/utils'
import { expect, test } from 'vitest'
import { de } from './de.ts'
import { en } from './en.ts'
import { toolsOf } from './tools.ts'

const source = join(import.meta.dirname, '..')

test('everything that the page says is in the catalogue', () => {
  const files = globSync('**/*.{ts,tsx}', { cwd: source }).filter(
    (file) => !file.endsWith('.test.ts') && !/^(?:language\/|kit\/icons|theme\/theme)/.test(file),
  )
  expect(files.length).toBeGreaterThan(200)
  const found = files.flatMap((file) =>
    wordsIn(file, readFileSync(join(source, file), 'utf8')).map((text) => `${file}: ${text}`),
  )
  expect(found.filter((line) => !others.has(line))).toEqual([])
  expect([...others].filter((line) => !found.includes(line))).toEqual([])
})

/** What looks like words and is not said in a language. */
const others: ReadonlySet<string> = new Set([
  'app/Brand.tsx: Fermata',
  'app/Shell.tsx: g',
  'charts/Plot.tsx: 11px system-ui, sans-serif',
  'keys/shortcuts.ts: g',
  'keys/useKeys.ts: Enter',
  'kit/Document.tsx: MB',
  'kit/Document.tsx: kB',
  'palette/useEntries.ts: g',
  "submit/CallCard.tsx: -H 'content-type: application/json' \\",
  'submit/CallCard.tsx: curl',
  'submit/drafts.ts: fermata-draft',
  'types/TypePage.tsx: p50',
  'types/TypePage.tsx: p95',
  'types/TypePage.tsx: p99',
  'webhooks/WebhookForm.tsx: URL',
  'webhooks/WebhookForm.tsx: https://example.com/hooks/fermata',
  'webhooks/WebhooksPage.tsx: callback_url',
])

test.each([
  ['text', '<p>Nothing here</p>', ['Nothing here']],
  ['text beside an element', '<p><b /> of <i /></p>', ['of']],
  ['an attribute', '<a title="all">{x}</a>', ['all']],
  ['an attribute for screen readers', '<a aria-label={x ? `Copy ${y}` : z} />', ['Copy']],
  ['a choice', "<a>{x ? 'yes' : y && 'no'}</a>", ['yes', 'no']],
  ['a list in an attribute', "<Table head={['Task', time]} />", ['Task']],
  ['a constant', "const name = 'Cancel'", ['Cancel']],
  ['a sentence', 'show({ text: `${n} of ${m} stopped` })', ['of', 'stopped']],
  [
    'no class, address or key',
    '<a className="row wide" href="/tasks" key={`view ${x}`} type="button" />',
    [],
  ],
  ['no comparison', "if (event.key === 'Enter') go()", []],
  ['no error for developers', "throw new Error('There is no root')", []],
])('the check sees %s', (_, code, words) => {
  expect(wordsIn('sample.tsx', code)).toEqual(words)
})

test('German says something else than English, but for words that both have', () => {
  const same: string[] = []
  const compare = (one: unknown, other: unknown, path: string) => {
    if (typeof one === 'object' && one !== null) {
      for (const [key, value] of Object.entries(one))
        compare(value, (other as Record<string, unknown>)[key], `${path}.${key}`)
    } else if (typeof one === 'string' && one === other) same.push(one)
  }
  compare(en(toolsOf('en')), de(toolsOf('de')), '')
  expect(new Set(same)).toEqual(shared)
})

/** Words that are the same in both languages. */
const shared: ReadonlySet<string> = new Set(
  'nightly, customer-7;Name;Webhooks;Limits;Limit;15 min;Status;Tags;Tag;Webhook;ms;s;min;h;d;System;Audit;Starts;Phase;Slots;Cron;Esc;Text;Details;Log;Checkpoint;Trace;Fence;Callbacks'.split(
    ';',
  ),
)

test('plurals follow the language', () => {
  const [english, german] = [en(toolsOf('en')), de(toolsOf('de'))]
  expect([0, 1, 2, 4_711].map(english.common.taskCount)).toEqual([
    '0 tasks',
    '1 task',
    '2 tasks',
    '4,711 tasks',
  ])
  expect([0, 1, 2, 4_711].map(german.common.taskCount)).toEqual([
    '0 Aufgaben',
    '1 Aufgabe',
    '2 Aufgaben',
    '4.711 Aufgaben',
  ])
})

/** Attributes and properties whose strings are not shown. */
const technical =
  /^(?:className|classNames|style|key|queryKey|id|type|to|href|role|size|variant|color|colour|position|justify|gap|icon|look|file|component|autoComplete|inputMode|rel|target|radius|shadow|kind|phase|control|value|status|width|fontFamily|on[A-Z]\w*|data-\w+|aria-(?!label)\w+|d|fill|stroke\w*|viewBox|defaultColorScheme|sorted|scope|path|tt|mt)$/

/** Elements whose `name` is not shown. */
const named = /^(?:Icon|TextInput|Textarea|NativeSelect|Checkbox)$/

/** Calls whose strings are not shown: selectors, places of storage, patterns. */
const silent = /^(?:querySelector|closest|useMediaQuery|Symbol|RegExp|Error|raw)$/

/** `shown`: the value of an expression appears on the page. */
type Place = 'shown' | 'code'

type Node = Readonly<Record<string, unknown>> & Readonly<{ type: string }>

/** The strings of a module that people may read, in their order. */
function wordsIn(file: string, code: string): string[] {
  const { program } = parseSync(file, code, { lang: file.endsWith('x') ? 'tsx' : 'ts' })
  const found: string[] = []
  const take = (text: string, place: Place) => {
    const isProse = /^\p{Lu}\p{Ll}/u.test(text) || /\p{L}\S* +\S*\p{L}|^ \p{L}|\p{L} $/u.test(text)
    if (place === 'shown' ? /\p{L}/u.test(text) : isProse) found.push(text.replaceAll(/\s+/g, ' ').trim())
  }
  const walk = (value: unknown, place: Place): void => {
    if (Array.isArray(value)) for (const item of value) walk(item, place)
    else if (isNode(value)) visit(value, place)
  }
  const visit = (node: Node, place: Place): void => {
    switch (node.type) {
      case 'JSXText':
        return take(String(node['value']), 'shown')
      case 'Literal':
        return typeof node['value'] === 'string' ? take(node['value'], place) : undefined
      case 'TemplateElement':
        return take((node['value'] as { cooked: string }).cooked, place)
      case 'JSXAttribute':
      case 'Property': {
        const name = nameOf(node['name'] ?? node['key'])
        if (technical.test(name)) return undefined
        return walk(node['value'], node.type === 'Property' ? place : 'shown')
      }
      case 'JSXElement': {
        const opening = node['openingElement'] as Node
        const attributes = (opening['attributes'] as Node[]).filter(
          (one) => nameOf(one['name']) !== 'name' || !named.test(nameOf(opening['name'])),
        )
        walk(attributes, 'shown')
        return walk(node['children'], 'shown')
      }
      case 'CallExpression':
      case 'NewExpression':
      case 'TaggedTemplateExpression': {
        const callee = node['callee'] ?? node['tag']
        walk(callee, 'code')
        if (silent.test(nameOf(callee))) return undefined
        return walk([node['arguments'], node['quasi']], 'code')
      }
      case 'ConditionalExpression':
        walk(node['test'], 'code')
        return walk([node['consequent'], node['alternate']], place)
      case 'LogicalExpression':
        return walk([node['left'], node['right']], place)
      case 'BinaryExpression':
        return node['operator'] === '+' ? walk([node['left'], node['right']], place) : undefined
      case 'MemberExpression':
        return walk(node['object'], 'code')
      case 'ArrowFunctionExpression':
        return walk(
          node['body'],
          isNode(node['body']) && node['body'].type === 'BlockStatement' ? 'code' : place,
        )
      case 'ImportDeclaration':
      case 'ImportExpression':
      case 'ExportAllDeclaration':
      case 'TSTypeAliasDeclaration':
      case 'TSInterfaceDeclaration':
      case 'TSTypeAnnotation':
      case 'TSTypeParameterInstantiation':
        return undefined
      case 'ExportNamedDeclaration':
        return walk(node['declaration'], place)
      case 'TSAsExpression':
      case 'TSSatisfiesExpression':
      case 'TSNonNullExpression':
        return walk(node['expression'], place)
      default: {
        const inner: Place =
          node.type.startsWith('JSX') || /^(?:Template|Array|Object|Paren)/.test(node.type) ? place : 'code'
        for (const [name, value] of Object.entries(node)) if (name !== 'type') walk(value, inner)
      }
    }
  }
  walk(program.body, 'code')
  return found
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string'
}

/** The last name of an identifier, a property or a member. */
function nameOf(value: unknown): string {
  if (!isNode(value)) return ''
  if (value.type === 'MemberExpression') return nameOf(value['property'])
  if (value.type === 'JSXNamespacedName') return nameOf(value['name'])
  const name = value['name'] ?? value['value']
  return typeof name === 'string' ? name : nameOf(name)
}
