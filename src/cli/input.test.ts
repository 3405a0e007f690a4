import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { UsageError } from './exit.ts'
import { linesOf, textOf } from './input.ts'

const utf16 = Buffer.from('\uFEFF{"a":1}\n', 'utf16le')
const withoutMark = Buffer.from('{"a":1}\n', 'utf16le')
const bigEndian = Buffer.from(utf16).swap16()
const latin1 = Buffer.from('{"name":"Zoë"}\n', 'latin1')

/** The lines of these bytes, however the chunks fall. */
async function lines(bytes: Buffer, chunk: number): Promise<string[]> {
  const chunks: Buffer[] = []
  for (let from = 0; from < bytes.length; from += chunk) chunks.push(bytes.subarray(from, from + chunk))
  const found: string[] = []
  for await (const { text, number } of linesOf(Readable.from(chunks), 'tasks.jsonl')) {
    found.push(text)
    expect(number).toBe(found.length)
  }
  return found
}

describe('lines', () => {
  test.each([1, 2, 3, 7, 1_000])(
    'end with a line feed and nothing else, in chunks of %i bytes',
    async (chunk) => {
      const text = '\uFEFFone\u2028\u2029\u0085\rone\r\n\r\n漢字👩‍👩‍👧‍👦\n\nlast'
      const expected = ['one\u2028\u2029\u0085\rone', '', '漢字👩‍👩‍👧‍👦', '', 'last']
      expect(await lines(Buffer.from(text), chunk)).toEqual(expected)
      expect(await lines(Buffer.from(`${text}\n`), chunk)).toEqual(expected)
    },
  )

  test('of empty input are none', async () => {
    expect(await lines(Buffer.alloc(0), 1)).toEqual([])
  })

  test.each([
    ['UTF-16', utf16, 'tasks.jsonl is UTF-16: save it as UTF-8'],
    ['UTF-16 without a mark', withoutMark, 'tasks.jsonl is UTF-16: save it as UTF-8'],
    ['UTF-16, big-endian', bigEndian, 'tasks.jsonl is UTF-16: save it as UTF-8'],
    [
      'another encoding',
      Buffer.concat([Buffer.from('{}\n'), latin1]),
      'line 2 is not UTF-8 text: save it as UTF-8',
    ],
    ['no end', Buffer.alloc(70_000_000, 'x'), 'line 1 is longer than 64 MB'],
  ])('in %s are refused with a remedy', async (_, bytes, message) => {
    await expect(lines(bytes, 1_000_000)).rejects.toThrow(new UsageError(message))
  })
})

describe('a document', () => {
  test('may start with a byte order mark', () => {
    expect(textOf(Buffer.from('\uFEFF{}\r\n'), 'a.json')).toBe('{}\r\n')
  })

  test.each([
    ['UTF-16', utf16, 'a.json is UTF-16: save it as UTF-8'],
    ['UTF-16 without a mark', withoutMark, 'a.json is UTF-16: save it as UTF-8'],
    ['another encoding', latin1, 'a.json is not UTF-8 text: save it as UTF-8'],
    ['no text at all', Buffer.from('\uFEFF \n'), 'a.json is empty'],
  ])('in %s is refused with a remedy', (_, bytes, message) => {
    expect(() => textOf(bytes, 'a.json')).toThrow(new UsageError(message))
  })
})
