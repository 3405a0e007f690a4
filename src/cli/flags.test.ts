import { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { flagsOf, shellQuoted } from './flags.ts'
import { assembled, optionsOf } from './parameters.ts'

const schema = z.object({
  files: z.array(z.string()).min(1).describe('Images'),
  maxWidth: z.int().positive(),
  quality: z.number().min(0).max(1).default(0.8),
  format: z.enum(['png', 'webp']).default('png'),
  keep_names: z.boolean().default(true),
  dry: z.boolean().optional(),
  crop: z.object({ x: z.int(), y: z.int() }).optional(),
  size: z.union([z.number(), z.literal('auto')]).optional(),
  extra: z.record(z.string(), z.unknown()).optional(),
  timeout: z.number().optional(),
})
const parameters = z.toJSONSchema(schema, { io: 'input' }) as Record<string, unknown>
const flags = flagsOf({ parameters }, new Set(['--timeout']))

/** The parameters that these words make. */
function read(words: readonly string[], document: Record<string, unknown> = {}) {
  const command = new Command().exitOverride().configureOutput({ writeErr: () => {} })
  const attributes = new Map<string, string>()
  for (const flag of flags) {
    for (const option of optionsOf(flag)) {
      command.addOption(option)
      attributes.set(flag.flag, option.attributeName())
    }
  }
  const given = command.parse(words, { from: 'user' }).opts<Record<string, unknown>>()
  return assembled(document, flags, ({ flag }) => given[attributes.get(flag) ?? ''])
}

const least = ['--files', 'a.png', '--max-width', '3']

describe('flags from a schema', () => {
  test('are kebab-case, with dots for nested objects', () => {
    expect(flags.map(({ flag }) => flag)).toEqual([
      '--files',
      '--max-width',
      '--quality',
      '--format',
      '--keep-names',
      '--dry',
      '--crop.x',
      '--crop.y',
      '--size',
      '--extra',
      '--parameters.timeout',
    ])
  })

  test('have placeholders and descriptions', () => {
    const about = new Map(flags.map(({ flag, value, meaning }) => [flag, `${value}: ${meaning}`]))
    expect(about.get('--files')).toBe('text: Images (required, may be repeated)')
    expect(about.get('--quality')).toBe('number: (from 0 to 1, default: 0.8)')
    expect(about.get('--format')).toBe('png|webp: (default: "png")')
    expect(about.get('--size')).toBe('number|auto: ')
    expect(about.get('--extra')).toBe('json: ')
  })

  test('are parsed as the schema says', () => {
    const words = [
      '--files',
      'a.png',
      'b.png',
      '--max-width',
      '200',
      '--quality',
      '0.5',
      '--format',
      'webp',
      '--dry',
      '--no-keep-names',
      '--crop.x',
      '-1',
      '--crop.y',
      '2',
      '--size',
      'auto',
      '--extra',
      '{"k":[1]}',
      '--parameters.timeout',
      '3',
      '--files',
      'c.png',
    ]
    expect(read(words)).toEqual({
      files: ['a.png', 'b.png', 'c.png'],
      maxWidth: 200,
      quality: 0.5,
      format: 'webp',
      keep_names: false,
      dry: true,
      crop: { x: -1, y: 2 },
      size: 'auto',
      extra: { k: [1] },
      timeout: 3,
    })
    expect(read([...least, '--size', '5'])).toMatchObject({ size: 5 })
  })

  test('override a document, and keep the rest of it', () => {
    const document = { files: ['x.png'], maxWidth: 1, crop: { x: 1, y: 1 }, other: true }
    expect(read(['--max-width', '9', '--crop.y', '5'], document)).toEqual({
      files: ['x.png'],
      maxWidth: 9,
      crop: { x: 1, y: 5 },
      other: true,
    })
    expect(document.crop).toEqual({ x: 1, y: 1 })
  })

  test.each([
    [['--max-width', '3'], '--files <text> is missing'],
    [[], '--files <text> and --max-width <integer> are missing'],
    [[...least, '--max-width', '0'], '--max-width 0 is invalid: it must be above 0'],
    [[...least, '--max-width', '1.5'], '--max-width 1.5 is invalid: it must be a whole number'],
    [[...least, '--quality', 'high'], '--quality high is invalid: it must be a number'],
    [[...least, '--quality', '2'], '--quality 2 is invalid: it must be at most 1'],
    [[...least, '--format', 'gif'], '--format gif is invalid: it must be one of png, webp'],
    [[...least, '--size', 'big'], '--size big is invalid: it must be a number, or auto'],
    [[...least, '--extra', 'k=1'], '--extra k=1 is invalid: it must be JSON of type object'],
    [[...least, '--quality', ''], '--quality  is invalid: it must be a number'],
  ])('refuse %j with the remedy', (words, message) => {
    expect(() => read(words)).toThrow(message)
  })

  test('do not let a name reach beyond the document', () => {
    const shape = { type: 'object', properties: { ['__proto__']: { type: 'string' } } }
    const [flag] = flagsOf({ parameters: JSON.parse(JSON.stringify(shape)) as Record<string, unknown> })
    if (flag !== undefined) assembled({}, [flag], () => 'x')
    expect(({} as Record<string, unknown>)['x']).toBeUndefined()
    expect(Object.getPrototypeOf({})).toBe(Object.prototype)
  })
})

test('words for a shell are quoted if necessary', () => {
  expect(shellQuoted('a.png')).toBe('a.png')
  expect(shellQuoted(`it's $HOME`)).toBe(`'it'\\''s $HOME'`)
})
