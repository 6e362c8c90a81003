import { BlockList, isIP } from 'node:net'
import { FormatRegistry, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { TokenUse } from '../plugins/cognito-auth/index.ts'
import { postgresUrlForm, readPostgresUrl } from './database/postgres/url.ts'

export type Provisioning = 'strict' | 'auto'

/** What the service is told. Every plugin takes the part it needs as its options. */
export interface Config {
  userPoolIds: string[]
  clientIds: string[]
  /** Another Cognito endpoint, without a trailing slash. */
  endpoint: string | undefined
  /** Where keys are fetched; `{pool}` stands for the pool id. */
  jwksUri: string | undefined
  tokenUse: TokenUse[]
  /** Seconds. */
  jwksMaxAge: number
  /** Keys whose private half is public knowledge are taken outside production only. */
  allowDevelopmentKeys: boolean
  provisioning: Provisioning
  /** The claim that gives new users their name. */
  usernameClaim: string | undefined
  /** Seconds between two runs of `users sync`. */
  usersSyncInterval: number | undefined
  /** The resource server whose scopes machine clients need. */
  resourceServer: string
  /** Further regions of multi-Region user pools. Another endpoint than AWS has none. */
  replicaRegions: string[]
  adminGroup: string
  postConfirmationSecret: string | undefined
  databaseUrl: string
  redisUrl: string | undefined
  host: string
  port: number
  corsOrigins: string[]
  /** Requests a window; 0 is no limit. */
  rateLimitMax: number
  /** Seconds. */
  rateLimitWindow: number
  trustProxy: boolean | string[]
  metricsPort: number | undefined
  /** Where traces are sent, by OTLP over HTTP; without a trailing slash. */
  tracesEndpoint: string | undefined
  /** The name of the service in traces. */
  serviceName: string
  /** Not named logLevel, which Fastify would take as an option of every plugin. */
  level: string
}

/** The environment is wrong: one line a fault, naming the variable, what it held and what it takes. */
export class ConfigError extends Error {
  readonly faults: string[]

  constructor (faults: string[]) {
    super(faults.join('\n'))
    this.name = 'ConfigError'
    this.faults = faults
  }
}

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']

FormatRegistry.Set('origins', value => list(value).every(item => URL.parse(item)?.origin === item))
FormatRegistry.Set('endpoint', value => isPlainUrl(value) && !value.includes('?'))
FormatRegistry.Set('jwks-uri', value => isPlainUrl(value.replaceAll('{pool}', 'pool')))
FormatRegistry.Set('trust-proxy', value => ['true', 'false'].includes(value) || list(value).every(isAddressOrRange))
FormatRegistry.Set('port', value => isInteger(value, 0, 65_535))
FormatRegistry.Set('max-age', value => isInteger(value, 1, 86_400))
FormatRegistry.Set('sync-interval', value => isInteger(value, 60, 604_800))
FormatRegistry.Set('rate-limit', value => isInteger(value, 0, 1_000_000_000))
FormatRegistry.Set('window', value => isInteger(value, 1, 86_400))
FormatRegistry.Set('database-url', value => /^sqlite:.+/.test(value) || readPostgresUrl(value) !== undefined)
FormatRegistry.Set('redis-url', value => /^rediss?:$/.test(URL.parse(value)?.protocol ?? ''))

const someOf = (item: string) => `^\\s*${item}\\s*(,\\s*${item}\\s*)*,?\\s*$`

/** The variables. A `description` completes the sentence "it takes …"; `writeOnly` values are never shown. */
export const EnvironmentSchema = Type.Object({
  AWS_USER_POOLS_ID: Type.String({ pattern: someOf('[a-z][a-z0-9-]*_[0-9A-Za-z]+'), description: 'user pool ids, comma separated, such as eu-west-1_AbC123xyz' }),
  AWS_APP_CLIENT_ID: Type.String({ pattern: someOf('[\\w+]{1,128}'), description: 'app client ids, comma separated' }),
  AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER: Type.Optional(Type.String({ format: 'endpoint', description: 'an http(s) URL without credentials, query or fragment' })),
  COGNITO_ALLOW_HTTP: Type.String({ pattern: '^(true|false)$', default: 'false', description: 'true or false' }),
  COGNITO_JWKS_URI: Type.Optional(Type.String({ format: 'jwks-uri', description: 'an http(s) URL without credentials or fragment; {pool} stands for the pool id' })),
  COGNITO_TOKEN_USE: Type.String({ pattern: someOf('(id|access)'), default: 'id,access', description: 'id, access or both, comma separated' }),
  JWKS_MAX_AGE_S: Type.String({ format: 'max-age', default: '3600', description: 'whole seconds, 1 to 86400' }),
  USER_PROVISIONING: Type.String({ pattern: '^(strict|auto)$', default: 'strict', description: 'strict or auto' }),
  USERNAME_CLAIM: Type.Optional(Type.String({ pattern: '^[!-~]{1,128}$', description: 'the name of a claim, 1 to 128 characters without white space' })),
  USERS_SYNC_INTERVAL_S: Type.Optional(Type.String({ format: 'sync-interval', description: 'whole seconds, 60 to 604800' })),
  RESOURCE_SERVER: Type.String({ pattern: '^[!#-\\[\\]-~]{1,256}$', default: 'articles', description: "a resource server's identifier, 1 to 256 characters without white space and quotes" }),
  COGNITO_REPLICA_REGIONS: Type.Optional(Type.String({ pattern: someOf('[a-z]{2}[a-z0-9-]*-[0-9]+'), description: 'AWS regions, comma separated, such as eu-central-1' })),
  ADMIN_GROUP: Type.String({ pattern: '^\\S{1,128}$', default: 'admin', description: "a Cognito group's name, 1 to 128 characters without white space" }),
  POST_CONFIRMATION_SECRET: Type.Optional(Type.String({ pattern: '^whsec_[A-Za-z0-9+/]{32,}={0,2}$', writeOnly: true, description: 'whsec_ and at least 24 bytes in base64' })),
  DATABASE_URL: Type.String({ format: 'database-url', writeOnly: true, default: 'sqlite:data/articles.db', description: `sqlite:<path>, sqlite::memory: or ${postgresUrlForm}` }),
  REDIS_URL: Type.Optional(Type.String({ format: 'redis-url', writeOnly: true, description: 'redis://… or rediss://…' })),
  HOST: Type.String({ pattern: '^\\S+$', default: '127.0.0.1', description: 'a host name or address to listen on' }),
  PORT: Type.String({ format: 'port', default: '8000', description: 'a port number, 0 to 65535' }),
  CORS_ORIGINS: Type.Optional(Type.String({ format: 'origins', description: 'origins such as https://app.example.com, comma separated' })),
  RATE_LIMIT_MAX: Type.String({ format: 'rate-limit', default: '600', description: 'a whole number of requests, 0 for no limit' }),
  RATE_LIMIT_WINDOW_S: Type.String({ format: 'window', default: '60', description: 'whole seconds, 1 to 86400' }),
  TRUST_PROXY: Type.String({ format: 'trust-proxy', default: 'false', description: 'true, false, or addresses and CIDR ranges, comma separated' }),
  METRICS_PORT: Type.Optional(Type.String({ format: 'port', description: 'a port number, 0 to 65535' })),
  OTEL_EXPORTER_OTLP_ENDPOINT: Type.Optional(Type.String({ format: 'endpoint', description: 'an http(s) URL without credentials, query or fragment' })),
  OTEL_SERVICE_NAME: Type.String({ pattern: '^[!-~]{1,128}$', default: 'articles', description: 'a name of 1 to 128 characters without white space' }),
  LOG_LEVEL: Type.String({ pattern: `^(${logLevels.join('|')})$`, default: 'info', description: logLevels.join(', ') })
})

/**
 * Reads the configuration out of an environment; empty variables count as unset.
 * @throws {ConfigError} with every fault at once
 */
export function readConfig (env: Record<string, string | undefined>): Config {
  const held = Object.fromEntries(Object.keys(EnvironmentSchema.properties).flatMap(name => {
    const value = env[name]?.trim()
    return value ? [[name, value]] : []
  }))
  const environment = Value.Default(EnvironmentSchema, { ...held })

  const faults = { ...sharedKeySetFault(held), ...plainHttpFaults(held), ...schemaFaults(environment, held) }
  if (Object.keys(faults).length > 0 || !Value.Check(EnvironmentSchema, environment)) throw new ConfigError(Object.values(faults))

  return {
    userPoolIds: list(environment.AWS_USER_POOLS_ID),
    clientIds: list(environment.AWS_APP_CLIENT_ID),
    endpoint: environment.AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER?.replace(/\/+$/, ''),
    jwksUri: environment.COGNITO_JWKS_URI,
    tokenUse: list(environment.COGNITO_TOKEN_USE).filter(use => use === 'id' || use === 'access'),
    jwksMaxAge: Number(environment.JWKS_MAX_AGE_S),
    allowDevelopmentKeys: env.NODE_ENV !== 'production',
    provisioning: environment.USER_PROVISIONING === 'auto' ? 'auto' : 'strict',
    usernameClaim: environment.USERNAME_CLAIM,
    usersSyncInterval: environment.USERS_SYNC_INTERVAL_S === undefined ? undefined : Number(environment.USERS_SYNC_INTERVAL_S),
    resourceServer: environment.RESOURCE_SERVER,
    replicaRegions: list(environment.COGNITO_REPLICA_REGIONS ?? ''),
    adminGroup: environment.ADMIN_GROUP,
    postConfirmationSecret: environment.POST_CONFIRMATION_SECRET,
    databaseUrl: environment.DATABASE_URL,
    redisUrl: environment.REDIS_URL,
    host: environment.HOST,
    port: Number(environment.PORT),
    corsOrigins: list(environment.CORS_ORIGINS ?? ''),
    rateLimitMax: Number(environment.RATE_LIMIT_MAX),
    rateLimitWindow: Number(environment.RATE_LIMIT_WINDOW_S),
    trustProxy: trustProxy(environment.TRUST_PROXY),
    metricsPort: environment.METRICS_PORT === undefined ? undefined : Number(environment.METRICS_PORT),
    tracesEndpoint: environment.OTEL_EXPORTER_OTLP_ENDPOINT?.replace(/\/+$/, ''),
    serviceName: environment.OTEL_SERVICE_NAME,
    level: environment.LOG_LEVEL
  }
}

/** The database alone, for tools that need nothing else. */
export function readDatabaseUrl (env: Record<string, string | undefined>): string {
  const { DATABASE_URL: schema } = EnvironmentSchema.properties
  const url = env.DATABASE_URL?.trim() || schema.default
  if (!Value.Check(schema, url)) throw new ConfigError([`DATABASE_URL: held a value that is not shown; it takes ${schema.description}`])
  return url
}

type Held = Record<string, string>
/** A line, by the variable that it is about. */
type Faults = Record<string, string>

function schemaFaults (environment: unknown, held: Held): Faults {
  const wrong = new Set(Array.from(Value.Errors(EnvironmentSchema, environment), error => error.path.slice(1)))
  return Object.fromEntries(Object.entries(EnvironmentSchema.properties)
    .filter(([name]) => wrong.has(name))
    .map(([name, schema]) => [name, describeFault(name, held, schema.description ?? '', schema.writeOnly === true)]))
}

// Keys that vouch for tokens must not cross a network where anyone on the way can replace them.
function plainHttpFaults (held: Held): Faults {
  if (held.COGNITO_ALLOW_HTTP === 'true') return {}
  return Object.fromEntries(['AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER', 'COGNITO_JWKS_URI']
    .filter(name => {
      const url = URL.parse((held[name] ?? '').replaceAll('{pool}', 'pool'))
      return url?.protocol === 'http:' && !isLoopback(url.hostname)
    })
    .map(name => [name, describeFault(name, held, 'http: for a loopback host only, unless COGNITO_ALLOW_HTTP is true')]))
}

// With one address for all pools, a key of one would vouch for the users of another.
function sharedKeySetFault (held: Held): Faults {
  const uri = held.COGNITO_JWKS_URI
  if (uri === undefined || uri.includes('{pool}') || list(held.AWS_USER_POOLS_ID ?? '').length < 2) return {}
  return { COGNITO_JWKS_URI: describeFault('COGNITO_JWKS_URI', held, 'a URL with {pool} in it where there are several user pools') }
}

function describeFault (name: string, held: Held, takes: string, secret = false): string {
  const value = held[name]
  if (value === undefined) return `${name}: is not set; it takes ${takes}`
  const shown = secret ? 'a value that is not shown' : JSON.stringify(value.replace(/\/\/[^/@]*@/, '//…@'))
  return `${name}: held ${shown}; it takes ${takes}`
}

function isPlainUrl (value: string): boolean {
  const url = URL.parse(value)
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' && !value.includes('#')
}

function isLoopback (hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}

function isAddressOrRange (value: string): boolean {
  const [address = '', prefix] = value.split('/')
  const family = isIP(address)
  if (family === 0) return false
  if (prefix === undefined) return true
  try {
    new BlockList().addSubnet(address, /^\d+$/.test(prefix) ? Number(prefix) : -1, family === 6 ? 'ipv6' : 'ipv4')
    return true
  } catch {
    return false
  }
}

function isInteger (value: string, least: number, most: number): boolean {
  return /^\d{1,10}$/.test(value) && Number(value) >= least && Number(value) <= most
}

function trustProxy (value: string): boolean | string[] {
  return value === 'true' || value === 'false' ? value === 'true' : list(value)
}

function list (value: string): string[] {
  return value.split(',').map(item => item.trim()).filter(item => item !== '')
}
