import type { FastifyInstance } from 'fastify'
import { inexactIn, type InexactNumber } from '../core/exact-json.ts'
import { RequestRefused } from './problems.ts'
import { fewValues, mostValues, type Traffic } from './traffic.ts'

/** Characters, and values, up to which a body is parsed without being admitted, because it costs little. */
const small = { characters: 65_536, values: fewValues } as const

/**
 * Parses JSON bodies once there is memory for their values. Refuses keys that pollute prototypes and numbers that would
 * change.
 */
export function readJsonBodies(app: FastifyInstance, traffic: Traffic): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  const read: typeof parse = (request, text, done) => {
    const answered: typeof done = (error, body) => {
      const inexact = error === null || error === undefined ? inexactIn(text) : undefined
      if (inexact === undefined) done(error, body)
      else done(refusalOf(inexact))
    }
    const goOn = () => void parse(request, text, answered)
    const values = text.length > small.values ? valuesIn(text, mostValues) : 0
    if (values > mostValues) return done(tooManyValues())
    if (text.length <= small.characters && values <= small.values) return goOn()
    // The bytes of a large body are released in the meantime.
    traffic.admitValues(request, values).then(goOn, done)
  }
  app.addContentTypeParser('application/json', { parseAs: 'string' }, read)
  app.addContentTypeParser(/^application\/[\w.-]+\+json/, { parseAs: 'string' }, read)
}

/**
 * Number of values in this JSON text. One of three characters takes up to sixty bytes once parsed, so the length says
 * little. Stops counting above `most`.
 */
export function valuesIn(text: string, most: number): number {
  let values = 1
  for (let at = 0; at < text.length && values <= most; at++) {
    switch (text[at]) {
      case ',':
        values += 1
        break
      case '[':
      case '{':
        if (text[at + 1] !== ']' && text[at + 1] !== '}') values += 1
        break
      case '"':
        at = endOfText(text, at)
        break
    }
  }
  return values
}

/** Position of the closing quote of the string that starts here; the end of the text if there is none. */
function endOfText(text: string, from: number): number {
  for (let end = text.indexOf('"', from + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let escapes = 0
    while (text[end - 1 - escapes] === '\\') escapes += 1
    if (escapes % 2 === 0) return end
  }
  return text.length
}

function tooManyValues(): RequestRefused {
  const most = mostValues.toLocaleString('en')
  const detail = `The body exceeds the limit of ${most} JSON values. Split it into several requests, or send long lists as strings.`
  return new RequestRefused('TOO_LARGE', detail)
}

const ofParameters = /^(?:(tasks\.\d+\.parameters)|parameters)(?:\.|$)/

function refusalOf({ path, message }: InexactNumber): RequestRefused {
  const [, inBatch] = ofParameters.exec(path) ?? []
  if (!ofParameters.test(path)) {
    const issues = [{ path, message }]
    return new RequestRefused('OPTIONS_INVALID', `The request is invalid: ${path}: ${message}.`, { issues })
  }
  // If the type itself refuses a parameter, its path starts below `parameters`.
  const issues = [{ path: inBatch === undefined ? path.replace('parameters.', '') : path, message }]
  const detail = `The parameters cannot be stored exactly: ${path}: ${message}.`
  return new RequestRefused('PARAMETERS_INVALID', detail, { issues })
}
