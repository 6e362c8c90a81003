import { FormatRegistry, Type } from '@sinclair/typebox'
import { postgresUrlForm } from '../database/postgres/url.ts'
import { formats } from './formats.ts'

for (const [name, isValid] of Object.entries(formats)) FormatRegistry.Set(name, isValid)

const httpUrl = { format: 'http-url', description: 'an http(s) URL without credentials, query or fragment' }
const port = { format: 'port', description: 'a port number from 0 to 65535' }
const seconds = { format: 'seconds', description: 'whole seconds from 1 to 86400' }
const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']

/**
 * The environment variables of the service. Every value is text. In the error of an invalid variable,
 * `description` follows "expected". The value of a `writeOnly` variable may be a secret and is not shown.
 */
export const EnvironmentSchema = Type.Object({
  AWS_USER_POOLS_ID: Type.String({
    pattern: listOf('[a-z][a-z0-9-]*_[0-9A-Za-z]+'),
    description: 'user pool ids, comma separated, such as eu-west-1_AbC123xyz'
  }),
  AWS_APP_CLIENT_ID: Type.String({
    pattern: listOf('[\\w+]{1,128}'),
    description: 'app client ids, comma separated'
  }),
  AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER: Type.Optional(Type.String(httpUrl)),
  COGNITO_ALLOW_HTTP: Type.String({
    pattern: '^(true|false)$',
    default: 'false',
    description: 'true or false'
  }),
  COGNITO_JWKS_URI: Type.Optional(Type.String({
    format: 'jwks-uri',
    description: 'an http(s) URL without credentials or fragment; {pool} stands for the pool id'
  })),
  COGNITO_TOKEN_USE: Type.String({
    pattern: listOf('(id|access)'),
    default: 'id,access',
    description: 'id, access or both, comma separated'
  }),
  JWKS_MAX_AGE_S: Type.String({ ...seconds, default: '3600' }),
  USER_PROVISIONING: Type.String({
    pattern: '^(strict|auto)$',
    default: 'strict',
    description: 'strict or auto'
  }),
  WEB_CLIENT_ID: Type.Optional(Type.String({
    pattern: '^[\\w+]{1,128}$',
    description: 'one of the ids in AWS_APP_CLIENT_ID'
  })),
  USERNAME_CLAIM: Type.Optional(Type.String({
    pattern: '^[!-~]{1,128}$',
    description: "a claim's name of 1 to 128 characters without white space"
  })),
  USERS_SYNC_INTERVAL_S: Type.Optional(Type.String({
    format: 'sync-interval',
    description: 'whole seconds from 60 to 604800'
  })),
  RESOURCE_SERVER: Type.String({
    pattern: '^[!#-\\[\\]-~]{1,256}$',
    default: 'articles',
    description: "a resource server's identifier of 1 to 256 characters without white space, quotes or backslashes"
  }),
  COGNITO_REPLICA_REGIONS: Type.Optional(Type.String({
    pattern: listOf('[a-z]{2}[a-z0-9-]*-[0-9]+'),
    description: 'AWS regions, comma separated, such as eu-central-1'
  })),
  ADMIN_GROUP: Type.String({
    pattern: '^\\S{1,128}$',
    default: 'admin',
    description: "a Cognito group's name of 1 to 128 characters without white space"
  }),
  POST_CONFIRMATION_SECRET: Type.Optional(Type.String({
    pattern: '^whsec_[A-Za-z0-9+/]{32,}={0,2}$',
    writeOnly: true,
    description: 'whsec_ and at least 24 bytes in base64'
  })),
  DATABASE_URL: Type.String({
    format: 'database-url',
    writeOnly: true,
    default: 'sqlite:data/articles.db',
    description: `sqlite:<path>, sqlite::memory: or ${postgresUrlForm}`
  }),
  REDIS_URL: Type.Optional(Type.String({
    format: 'redis-url',
    writeOnly: true,
    description: 'redis://…, rediss://…, redis+cluster://… or rediss+cluster://…'
  })),
  HOST: Type.String({
    pattern: '^\\S+$',
    default: '127.0.0.1',
    description: 'a host name or address to listen on'
  }),
  PORT: Type.String({ ...port, default: '8000' }),
  WEB_CONCURRENCY: Type.String({
    format: 'workers',
    default: '1',
    description: 'a whole number of worker processes from 1 to 256'
  }),
  KEEP_ALIVE_TIMEOUT_S: Type.String({ ...seconds, default: '72' }),
  BASE_PATH: Type.String({
    pattern: '^/$|^(/(?!\\.{1,2}(/|$))[\\w.~-]+)+/?$',
    default: '/',
    description: 'a path such as /api, of letters, digits and -._~'
  }),
  CORS_ORIGINS: Type.Optional(Type.String({
    format: 'origin-list',
    description: 'origins such as https://app.example.com, https://*.example.com or capacitor://localhost, comma separated'
  })),
  CORS_HEADERS: Type.Optional(Type.String({
    pattern: listOf('[\\w-]{1,64}'),
    description: 'names of request headers, comma separated'
  })),
  RATE_LIMIT_MAX: Type.String({
    format: 'request-count',
    default: '600',
    description: 'a whole number of requests, or 0 for no limit'
  }),
  RATE_LIMIT_WINDOW_S: Type.String({ ...seconds, default: '60' }),
  TRUST_PROXY: Type.Union([
    Type.Literal('true'),
    Type.Literal('false'),
    Type.String({ format: 'address-list' })
  ], {
    default: 'false',
    description: 'true, false, or addresses and CIDR ranges, comma separated'
  }),
  METRICS_PORT: Type.Optional(Type.String(port)),
  OTEL_EXPORTER_OTLP_ENDPOINT: Type.Optional(Type.String(httpUrl)),
  OTEL_SERVICE_NAME: Type.String({
    pattern: '^[!-~]{1,128}$',
    default: 'articles',
    description: 'a name of 1 to 128 characters without white space'
  }),
  LOG_LEVEL: Type.String({
    pattern: `^(${logLevels.join('|')})$`,
    default: 'info',
    description: logLevels.join(', ')
  })
})

/** The pattern of a comma-separated list with at least one item. */
function listOf (item: string): string {
  return `^\\s*${item}\\s*(,\\s*${item}\\s*)*,?\\s*$`
}
