import type { Static, TObject } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { expandPool, splitList } from './formats.ts'

/** Variables as the process got them. */
export type Environment = Record<string, string | undefined>

/** The environment is invalid. Each error is one line: the variable, its value and the accepted values. */
export class ConfigError extends Error {
  readonly errors: string[]

  constructor (errors: string[]) {
    super(errors.join('\n'))
    this.name = 'ConfigError'
    this.errors = errors
  }
}

/**
 * Reads the variables of a schema. Blank variables count as unset.
 * @throws {ConfigError} with all errors, in the order of the schema
 */
export function readEnvironment<Schema extends TObject> (schema: Schema, env: Environment): Static<Schema> {
  const variables: Environment = Object.fromEntries(Object.keys(schema.properties).flatMap(name => {
    const value = env[name]?.trim()
    return value ? [[name, value]] : []
  }))
  const environment = Value.Default(schema, { ...variables })
  const errors = listErrors(schema, variables, environment)
  if (errors.length > 0 || !Value.Check(schema, environment)) throw new ConfigError(errors)
  return environment
}

function listErrors (schema: TObject, variables: Environment, environment: unknown): string[] {
  const invalid = new Set(Array.from(Value.Errors(schema, environment), ({ path }) => path.slice(1)))
  return Object.entries(schema.properties).flatMap(([name, { description, writeOnly }]) => {
    const expected = invalid.has(name) ? description : expectedBesideOthers(name, variables)
    return expected === undefined ? [] : [`${name}: ${describeValue(variables[name], writeOnly)}; expected ${expected}`]
  })
}

/** The rules of variables that depend on other variables. */
function expectedBesideOthers (name: string, variables: Environment): string | undefined {
  const { WEB_CLIENT_ID: webClientId = '', AWS_APP_CLIENT_ID: clientIds = '', DATABASE_URL, WEB_CONCURRENCY = '1' } = variables
  // The service would reject the tokens of another client.
  if (name === 'WEB_CLIENT_ID' && webClientId !== '' && !splitList(clientIds).includes(webClientId)) {
    return 'one of the ids in AWS_APP_CLIENT_ID'
  }
  // Each worker would have a database of its own.
  if (name === 'WEB_CONCURRENCY' && DATABASE_URL === 'sqlite::memory:' && WEB_CONCURRENCY !== '1') {
    return '1, because DATABASE_URL is sqlite::memory:'
  }
  return expectedOfKeyServer(name, variables)
}

/** The rules of the addresses of signing keys that depend on other variables. */
function expectedOfKeyServer (name: string, variables: Environment): string | undefined {
  const value = variables[name]
  if (value === undefined || !['AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER', 'COGNITO_JWKS_URI'].includes(name)) return undefined
  // Over plain HTTP, anybody on the way can replace the keys that verify tokens.
  const { protocol = '', hostname = '' } = URL.parse(expandPool(value)) ?? {}
  if (protocol === 'http:' && !isLoopback(hostname) && variables.COGNITO_ALLOW_HTTP !== 'true') {
    return 'https:, or http: with a loopback host, unless COGNITO_ALLOW_HTTP is true'
  }
  // With one address for all user pools, a key of one pool would verify tokens of another.
  const hasSeveralPools = splitList(variables.AWS_USER_POOLS_ID ?? '').length > 1
  if (name === 'COGNITO_JWKS_URI' && hasSeveralPools && !value.includes('{pool}')) {
    return 'a URL with {pool} in it, because there are several user pools'
  }
  return undefined
}

function describeValue (value: string | undefined, isSecret = false): string {
  if (value === undefined) return 'not set'
  if (isSecret) return 'the value (not shown) is invalid'
  // Credentials in a URL are secrets as well.
  return `${JSON.stringify(value.replace(/\/\/[^/@]*@/, '//…@'))} is invalid`
}

function isLoopback (hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' ||
    /^127\.\d+\.\d+\.\d+$/.test(hostname)
}
