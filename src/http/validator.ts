import { Ajv, type ErrorObject, type Options, type ValidateFunction } from 'ajv'
import type { FastifyRouteSchemaDef, FastifySchema, FastifyValidationResult } from 'fastify/types/schema.js'
import { additionalProperties, maxFaults } from './additional-properties.ts'
import { Problem, type InputFault } from '../problems/catalogue.ts'

// test/app.test.ts checks the schemas themselves, so a start does not.
const options: Options = { allErrors: true, verbose: true, useDefaults: true, strict: false, validateSchema: false, formats: { int32: true, int64: true } }
// A body keeps its types: Fastify's default would drop unknown members and take "5" for 5.
const exact = newValidator(options)
// A query string, a path and a header are text, so their values are converted.
const coercing = newValidator({ ...options, coerceTypes: true })

const parts: Record<string, InputFault['in']> = { body: 'body', querystring: 'query', params: 'params', headers: 'headers' }

/**
 * Fastify's validator compiler: input that fails becomes the problem `validation_failed`, with each fault in `errors`.
 * A schema is compiled once there is something to validate: a start would wait for all of them.
 */
export function compileValidator ({ schema, httpPart = 'body' }: FastifyRouteSchemaDef<FastifySchema>): FastifyValidationResult {
  let validate: ValidateFunction | undefined
  const part = parts[httpPart] ?? 'body'
  return input => {
    validate ??= (httpPart === 'body' ? exact : coercing).compile(schema)
    if (validate(input)) return true
    // What an address names by an id that cannot be is as absent as any other.
    if (part === 'params') return { error: new Problem('not_found', 'There is nothing at this address.') }
    const errors = (validate.errors ?? []).slice(0, maxFaults).map(error => inputFault(part, error))
    return { error: new Problem('validation_failed', `There is a fault in the ${part}; errors says where.`, { errors }) }
  }
}

function newValidator (options: Options): Ajv {
  return new Ajv(options).removeKeyword('additionalProperties').addKeyword(additionalProperties)
}

function inputFault (part: InputFault['in'], { keyword, instancePath, message = 'is not valid', params, parentSchema }: ErrorObject): InputFault {
  switch (keyword) {
    case 'required':
      return { in: part, path: `${instancePath}/${pointerToken(params.missingProperty)}`, message: 'is required' }
    case 'additionalProperties':
      return { in: part, path: `${instancePath}/${pointerToken(params.additionalProperty)}`, message: 'is not known here' }
    case 'pattern':
      return { in: part, path: instancePath, message: `must be ${parentSchema?.description ?? 'of another form'}` }
    default:
      return { in: part, path: instancePath, message }
  }
}

// RFC 6901 3. A member's name is the client's own text, and may be as long as the body.
function pointerToken (name: string): string {
  return name.slice(0, 100).toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1')
}
