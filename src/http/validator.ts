import { Ajv, type ErrorObject, type Options, type ValidateFunction } from 'ajv'
import type { FastifyRouteSchemaDef, FastifyValidationResult } from 'fastify/types/schema.js'
import { additionalProperties, maxFaults } from './additional-properties.ts'
import { Problem, type InputFault } from '../problems/catalogue.ts'

// test/app.test.ts validates the schemas, so the start of the service does not.
const options: Options = { allErrors: true, verbose: true, useDefaults: true, strict: false, validateSchema: false, formats: { int32: true, int64: true } }
// Bodies are validated as they are. Fastify's default would drop unknown members and convert "5" to 5.
const exact = newValidator(options)
// Query strings, path parameters and headers are text, so their values are converted.
const coercing = newValidator({ ...options, coerceTypes: true })

const parts: Record<string, InputFault['in']> = { body: 'body', querystring: 'query', params: 'params', headers: 'headers' }

/** The schema of one part of a request. */
interface PartSchema {
  properties?: Record<string, { type?: string }>
}

/**
 * Fastify's validator compiler. Invalid input becomes the problem `validation_failed`, with each fault in
 * `errors`. A schema is compiled when the first request needs it, so that the service starts faster.
 */
export function compileValidator ({ schema, httpPart = 'body' }: FastifyRouteSchemaDef<PartSchema>): FastifyValidationResult {
  let validate: ValidateFunction | undefined
  const part = parts[httpPart] ?? 'body'
  const integers = httpPart === 'body' ? [] : integerProperties(schema)
  return input => {
    rejectOtherIntegers(input, integers)
    validate ??= (httpPart === 'body' ? exact : coercing).compile(schema)
    if (validate(input)) return true
    // An id that cannot exist names no resource.
    if (part === 'params') return { error: new Problem('not_found', 'No resource has this URL.') }
    const errors = (validate.errors ?? []).slice(0, maxFaults).map(error => inputFault(part, error))
    return { error: new Problem('validation_failed', `The ${part} did not pass validation. Correct the fields listed in errors.`, { errors }) }
  }
}

function newValidator (options: Options): Ajv {
  return new Ajv(options).removeKeyword('additionalProperties').addKeyword(additionalProperties)
}

function integerProperties ({ properties = {} }: PartSchema): string[] {
  return Object.keys(properties).filter(name => properties[name]?.type === 'integer')
}

/**
 * AJV converts `1e0`, `0x1` and `1.0` to 1. Only decimal digits are an integer here, so that a resource has
 * one URL.
 */
function rejectOtherIntegers (input: Record<string, unknown>, names: string[]): void {
  for (const name of names) {
    const value = input[name]
    if (typeof value === 'string' && !/^-?\d+$/.test(value)) input[name] = 'not an integer'
  }
}

function inputFault (part: InputFault['in'], { keyword, instancePath, message = 'is not valid', params, parentSchema }: ErrorObject): InputFault {
  switch (keyword) {
    case 'required':
      return { in: part, path: `${instancePath}/${pointerToken(params.missingProperty)}`, message: 'is required' }
    case 'additionalProperties':
      return { in: part, path: `${instancePath}/${pointerToken(params.additionalProperty)}`, message: 'is not a known member' }
    case 'pattern':
      return { in: part, path: instancePath, message: `must be ${parentSchema?.description ?? 'in another format'}` }
    default:
      return { in: part, path: instancePath, message }
  }
}

// RFC 6901 3. The client chooses the name of an unknown member, and it may be as long as the body.
function pointerToken (name: string): string {
  return name.slice(0, 100).toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1')
}
