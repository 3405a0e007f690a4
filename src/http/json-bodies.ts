import type { FastifyInstance } from 'fastify'
import { inexactIn, type InexactNumber } from '../core/exact-json.ts'
import { RequestRefused } from './problems.ts'

/** Reads bodies as JSON, and refuses what would not be kept: keys that poison a prototype, and numbers that would change. */
export function readJsonBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  const read: typeof parse = (request, text, done) => {
    const answered: typeof done = (error, body) => {
      const inexact = error === null || error === undefined ? inexactIn(text) : undefined
      if (inexact === undefined) done(error, body)
      else done(refusalOf(inexact))
    }
    return parse(request, text, answered)
  }
  app.addContentTypeParser('application/json', { parseAs: 'string' }, read)
  app.addContentTypeParser(/^application\/[\w.-]+\+json/, { parseAs: 'string' }, read)
}

const ofParameters = /^(?:(tasks\.\d+\.parameters)|parameters)(?:\.|$)/

function refusalOf({ path, message }: InexactNumber): RequestRefused {
  const [, inBatch] = ofParameters.exec(path) ?? []
  if (!ofParameters.test(path)) {
    const issues = [{ path, message }]
    return new RequestRefused('OPTIONS_INVALID', `The request is invalid: ${path}: ${message}.`, { issues })
  }
  // Where the type itself refuses a parameter, its path begins below them.
  const issues = [{ path: inBatch === undefined ? path.replace('parameters.', '') : path, message }]
  const detail = `The parameters cannot be stored exactly: ${path}: ${message}.`
  return new RequestRefused('PARAMETERS_INVALID', detail, { issues })
}
