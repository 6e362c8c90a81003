import { Type } from '@sinclair/typebox'
import { splitList } from './environment/formats.ts'
import { readEnvironment, type Environment } from './environment/read.ts'
import { EnvironmentSchema } from './environment/schema.ts'

export type Provisioning = 'strict' | 'auto'

/** The configuration of the service. Each plugin takes its part as options. */
export interface Config {
  userPoolIds: string[]
  clientIds: string[]
  /** Another Cognito endpoint, without a trailing slash. */
  endpoint: string | undefined
  /** The address of the signing keys; `{pool}` stands for the pool id. */
  jwksUri: string | undefined
  tokenUse: Array<'id' | 'access'>
  jwksMaxAgeSeconds: number
  /** Accepts the emulator's signing key, whose private half is public. True outside production only. */
  allowDevelopmentKeys: boolean
  provisioning: Provisioning
  /** The app client that the pages use. */
  webClientId: string
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
  /** How many worker processes serve requests. With 1 there is one process and no primary. */
  workers: number
  /** Seconds that an idle connection of a client or proxy stays open. */
  keepAliveTimeoutSeconds: number
  /** The path under which a proxy serves the service, without a trailing slash. Empty: at the root. */
  basePath: string
  corsOrigins: string[]
  /** Request headers that pages may send beside the usual ones. */
  corsHeaders: string[]
  /** Requests per window; 0 is no limit. */
  rateLimitMax: number
  rateLimitWindowSeconds: number
  trustProxy: boolean | string[]
  metricsPort: number | undefined
  /** The receiver of traces (OTLP over HTTP), without a trailing slash. */
  tracesEndpoint: string | undefined
  /** The name of the service in traces. */
  serviceName: string
  /** The log level. Fastify would take the name `logLevel` as an option of every plugin. */
  level: string
}

/**
 * Reads the configuration from environment variables.
 * @throws {ConfigError} with all errors at once
 */
export function readConfig (env: Environment): Config {
  const environment = readEnvironment(EnvironmentSchema, env)
  return {
    userPoolIds: splitList(environment.AWS_USER_POOLS_ID),
    clientIds: splitList(environment.AWS_APP_CLIENT_ID),
    endpoint: environment.AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER?.replace(/\/+$/, ''),
    jwksUri: environment.COGNITO_JWKS_URI,
    tokenUse: splitList(environment.COGNITO_TOKEN_USE).filter(use => use === 'id' || use === 'access'),
    jwksMaxAgeSeconds: Number(environment.JWKS_MAX_AGE_S),
    allowDevelopmentKeys: env.NODE_ENV !== 'production',
    provisioning: environment.USER_PROVISIONING === 'auto' ? 'auto' : 'strict',
    webClientId: environment.WEB_CLIENT_ID ?? splitList(environment.AWS_APP_CLIENT_ID)[0] ?? '',
    usernameClaim: environment.USERNAME_CLAIM,
    usersSyncInterval: environment.USERS_SYNC_INTERVAL_S === undefined ? undefined : Number(environment.USERS_SYNC_INTERVAL_S),
    resourceServer: environment.RESOURCE_SERVER,
    replicaRegions: splitList(environment.COGNITO_REPLICA_REGIONS ?? ''),
    adminGroup: environment.ADMIN_GROUP,
    postConfirmationSecret: environment.POST_CONFIRMATION_SECRET,
    databaseUrl: environment.DATABASE_URL,
    redisUrl: environment.REDIS_URL,
    host: environment.HOST.replace(/^\[(.*)\]$/, '$1'),
    port: Number(environment.PORT),
    workers: Number(environment.WEB_CONCURRENCY),
    keepAliveTimeoutSeconds: Number(environment.KEEP_ALIVE_TIMEOUT_S),
    basePath: environment.BASE_PATH.replace(/\/$/, ''),
    corsOrigins: splitList(environment.CORS_ORIGINS ?? ''),
    corsHeaders: splitList(environment.CORS_HEADERS ?? ''),
    rateLimitMax: Number(environment.RATE_LIMIT_MAX),
    rateLimitWindowSeconds: Number(environment.RATE_LIMIT_WINDOW_S),
    trustProxy: readTrustProxy(environment.TRUST_PROXY),
    metricsPort: environment.METRICS_PORT === undefined ? undefined : Number(environment.METRICS_PORT),
    tracesEndpoint: environment.OTEL_EXPORTER_OTLP_ENDPOINT?.replace(/\/+$/, ''),
    serviceName: environment.OTEL_SERVICE_NAME,
    level: environment.LOG_LEVEL
  }
}

/** Reads the URL of the database alone, for commands that need nothing else. */
export function readDatabaseUrl (env: Environment): string {
  return readEnvironment(Type.Pick(EnvironmentSchema, ['DATABASE_URL']), env).DATABASE_URL
}

function readTrustProxy (value: string): boolean | string[] {
  if (value === 'true') return true
  return value === 'false' ? false : splitList(value)
}
