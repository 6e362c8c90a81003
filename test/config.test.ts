import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import t from 'tap'
import { readConfig, readDatabaseUrl, type Config } from '../src/config.ts'
import { postgresUrlForm } from '../src/database/postgres/url.ts'
import { ConfigError } from '../src/environment/read.ts'
import { EnvironmentSchema } from '../src/environment/schema.ts'

const required = { AWS_USER_POOLS_ID: 'eu-west-1_Test00001', AWS_APP_CLIENT_ID: 'client1' }
const endpoint = 'AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER'

/** The errors of an environment; none where it is valid. */
function errorsOf (environment: Record<string, string | undefined>, read: (env: Record<string, string | undefined>) => unknown = readConfig): string[] {
  try {
    read(environment)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.errors
    throw error
  }
}

/** Tests a variable: valid values with the value that the field gets, and invalid values. */
function testVariable (name: string, field: keyof Config, valid: Array<[string, unknown]>, invalid: string[]): void {
  t.test(`readConfig reads ${name}`, async t => {
    for (const [value, expected] of valid) t.strictSame(readConfig({ ...required, [name]: value })[field], expected, JSON.stringify(value))
  })
  t.test(`readConfig rejects an invalid ${name} in one line with its name, its value and the accepted values`, async t => {
    for (const value of invalid) {
      const errors = errorsOf({ ...required, [name]: value })
      t.equal(errors.length, 1, JSON.stringify(value))
      // Credentials of a URL are not shown.
      const shown = JSON.stringify(value.replace(/\/\/.*@/, '//…@'))
      t.ok(errors[0]?.startsWith(`${name}: ${shown} is invalid; expected `), errors.join())
    }
  })
}

t.test('readConfig needs the two Cognito variables only', async t => {
  t.strictSame(readConfig(required), {
    userPoolIds: ['eu-west-1_Test00001'],
    clientIds: ['client1'],
    endpoint: undefined,
    jwksUri: undefined,
    tokenUse: ['id', 'access'],
    jwksMaxAgeSeconds: 3600,
    allowDevelopmentKeys: true,
    provisioning: 'strict',
    webClientId: 'client1',
    usernameClaim: undefined,
    usersSyncInterval: undefined,
    resourceServer: 'articles',
    replicaRegions: [],
    adminGroup: 'admin',
    postConfirmationSecret: undefined,
    databaseUrl: 'sqlite:data/articles.db',
    redisUrl: undefined,
    host: '127.0.0.1',
    port: 8000,
    workers: 1,
    keepAliveTimeoutSeconds: 72,
    basePath: '',
    corsOrigins: [],
    corsHeaders: [],
    rateLimitMax: 600,
    rateLimitWindowSeconds: 60,
    trustProxy: false,
    metricsPort: undefined,
    tracesEndpoint: undefined,
    serviceName: 'articles',
    level: 'info'
  })
})

t.test('readConfig rejects an empty environment because of the two Cognito variables', async t => {
  t.strictSame(errorsOf({}), [
    'AWS_USER_POOLS_ID: not set; expected user pool ids, comma separated, such as eu-west-1_AbC123xyz',
    'AWS_APP_CLIENT_ID: not set; expected app client ids, comma separated'
  ])
})

t.test('readConfig takes an empty or blank variable for unset', async t => {
  const names = Object.keys(EnvironmentSchema.properties).filter(name => !(name in required))
  const empty = Object.fromEntries(names.map((name, index) => [name, index % 2 === 0 ? '' : '  ']))
  t.strictSame(readConfig({ ...required, ...empty }), readConfig(required))
  t.strictSame(errorsOf({ AWS_USER_POOLS_ID: '', AWS_APP_CLIENT_ID: ' ' }), errorsOf({}))
})

t.test('readConfig ignores variables of other programs', async t => {
  t.strictSame(readConfig({ ...required, toString: 'x', PATH: '/bin', DATABASE_URI: 'nonsense' }), readConfig(required))
})

t.test('readConfig reports all errors at once, one line each, in the order of the schema', async t => {
  const errors = errorsOf({
    AWS_USER_POOLS_ID: 'no-pool',
    COGNITO_TOKEN_USE: 'refresh',
    [endpoint]: 'ftp://127.0.0.1',
    PORT: '65536',
    LOG_LEVEL: 'loud\nand clear'
  })
  t.strictSame(errors.map(error => error.split(':', 1)[0]), ['AWS_USER_POOLS_ID', 'AWS_APP_CLIENT_ID', endpoint, 'COGNITO_TOKEN_USE', 'PORT', 'LOG_LEVEL'])
  t.notMatch(errors.join(''), '\n')
  t.equal(new ConfigError(errors).message, errors.join('\n'))
})

testVariable('AWS_USER_POOLS_ID', 'userPoolIds',
  [
    ['eu-west-1_AbC123xyz', ['eu-west-1_AbC123xyz']],
    [' eu-west-1_AbC123xyz , us-gov-west-1_9,', ['eu-west-1_AbC123xyz', 'us-gov-west-1_9']]
  ],
  ['eu-west-1', 'eu-west-1_', '_AbC', 'eu-west-1_a/b', 'EU-WEST-1_AbC', 'eu-west-1_AbC;us-east-1_AbC', 'eu-west-1_AbC,,us-east-1_AbC', ','])

testVariable('AWS_APP_CLIENT_ID', 'clientIds',
  [['3n4b5urk1ft4fl3mg5e62d9ado', ['3n4b5urk1ft4fl3mg5e62d9ado']], ['a+b, c_d', ['a+b', 'c_d']]],
  ['a b', 'a/b', 'x'.repeat(129), ','])

testVariable(endpoint, 'endpoint',
  [
    ['https://cognito.example.com', 'https://cognito.example.com'],
    ['https://cognito.example.com/idp//', 'https://cognito.example.com/idp'],
    ['http://localhost:9229/', 'http://localhost:9229'],
    ['http://pool.localhost', 'http://pool.localhost'],
    ['http://127.3.2.1:9229', 'http://127.3.2.1:9229'],
    ['http://[::1]:9229', 'http://[::1]:9229']
  ],
  ['cognito.example.com', 'ftp://localhost', 'https://cognito.example.com?a=b', 'https://cognito.example.com#a', 'https://user@cognito.example.com', 'https://:word@cognito.example.com'])

testVariable('COGNITO_JWKS_URI', 'jwksUri',
  [
    ['https://keys.example.com/{pool}.json?v=1', 'https://keys.example.com/{pool}.json?v=1'],
    ['http://127.0.0.1:9229/keys', 'http://127.0.0.1:9229/keys']
  ],
  ['/keys', 'file:///keys', 'https://keys.example.com/#a', 'https://user@keys.example.com/'])

t.test('readConfig accepts http: addresses of keys with a loopback host or COGNITO_ALLOW_HTTP only', async t => {
  for (const name of [endpoint, 'COGNITO_JWKS_URI']) {
    for (const url of ['http://cognito.example.com', 'http://10.0.0.1', 'http://127.0.0.1.example.com', 'http://localhost.example.com', 'http://[::2]', 'http://{pool}.example.com']) {
      const environment = { ...required, [name]: url }
      if (name === 'COGNITO_JWKS_URI' || !url.includes('{')) {
        t.strictSame(errorsOf(environment), [`${name}: "${url}" is invalid; expected https:, or http: with a loopback host, unless COGNITO_ALLOW_HTTP is true`])
      }
      t.notMatch(errorsOf({ ...environment, COGNITO_ALLOW_HTTP: 'true' }), [/loopback/])
    }
  }
  t.equal(readConfig({ ...required, COGNITO_ALLOW_HTTP: 'true', [endpoint]: 'http://cognito:9229' }).endpoint, 'http://cognito:9229')
  t.match(errorsOf({ ...required, COGNITO_ALLOW_HTTP: 'yes' }), ['COGNITO_ALLOW_HTTP: "yes" is invalid; expected true or false'])
})

t.test('readConfig rejects a COGNITO_JWKS_URI without {pool} where there are several user pools', async t => {
  const AWS_USER_POOLS_ID = 'eu-west-1_AbC, eu-west-1_DeF'
  const COGNITO_JWKS_URI = 'https://keys.example.com/jwks.json'
  t.strictSame(errorsOf({ ...required, AWS_USER_POOLS_ID, COGNITO_JWKS_URI }), [
    `COGNITO_JWKS_URI: "${COGNITO_JWKS_URI}" is invalid; expected a URL with {pool} in it, because there are several user pools`
  ])
  t.strictSame(errorsOf({ ...required, AWS_USER_POOLS_ID, COGNITO_JWKS_URI: 'https://keys.example.com/{pool}.json' }), [])
  t.strictSame(errorsOf({ ...required, COGNITO_JWKS_URI }), [])
})

testVariable('COGNITO_TOKEN_USE', 'tokenUse',
  [['id', ['id']], ['access', ['access']], [' access , id,', ['access', 'id']]],
  ['refresh', 'ID', 'id access', 'id,'.repeat(2) + 'refresh', ','])

testVariable('JWKS_MAX_AGE_S', 'jwksMaxAgeSeconds', [['1', 1], ['86400', 86_400]], ['0', '86401', '1.5', '-1', '1e3', '60s', '0x10'])

testVariable('USER_PROVISIONING', 'provisioning', [['strict', 'strict'], ['auto', 'auto']], ['Auto', 'none'])

testVariable('USERNAME_CLAIM', 'usernameClaim', [['custom:nick', 'custom:nick']], ['two words', 'x'.repeat(129)])

testVariable('USERS_SYNC_INTERVAL_S', 'usersSyncInterval', [['60', 60], ['604800', 604_800]], ['59', '604801', '1h'])

testVariable('RESOURCE_SERVER', 'resourceServer', [['https://api.example.com', 'https://api.example.com']], ['two words', 'a"b', 'a\\b', 'x'.repeat(257)])

testVariable('COGNITO_REPLICA_REGIONS', 'replicaRegions', [['eu-central-1, us-gov-west-1', ['eu-central-1', 'us-gov-west-1']]], ['Frankfurt', 'eu-central'])

testVariable('ADMIN_GROUP', 'adminGroup', [['staff', 'staff'], ['x'.repeat(128), 'x'.repeat(128)]], ['two words', 'x'.repeat(129)])

testVariable('HOST', 'host', [['0.0.0.0', '0.0.0.0'], ['::', '::'], ['[::1]', '::1']], ['a b'])

testVariable('WEB_CONCURRENCY', 'workers', [['4', 4]], ['0', '257', 'auto'])

t.test('readConfig rejects several workers with a database in memory', async t => {
  t.strictSame(errorsOf({ ...required, DATABASE_URL: 'sqlite::memory:', WEB_CONCURRENCY: '2' }), [
    'WEB_CONCURRENCY: "2" is invalid; expected 1, because DATABASE_URL is sqlite::memory:'
  ])
  t.strictSame(errorsOf({ ...required, DATABASE_URL: 'sqlite::memory:', WEB_CONCURRENCY: '1' }), [])
})

testVariable('KEEP_ALIVE_TIMEOUT_S', 'keepAliveTimeoutSeconds', [['620', 620]], ['0', '1.5', '86401'])

testVariable('BASE_PATH', 'basePath',
  [['/', ''], ['/api', '/api'], ['/v1/articles-api/', '/v1/articles-api']],
  ['api', '//', '/a//b', '/..', '/a/../b', '/a/.', '/a b', '/a?b', '//evil.example', '/%61', 'https://example.com/a'])

testVariable('WEB_CLIENT_ID', 'webClientId', [['client1', 'client1']], ['other', 'a b'])

testVariable('PORT', 'port', [['0', 0], ['65535', 65_535]], ['65536', '-1', '80.5', 'http', '99999999999'])

testVariable('METRICS_PORT', 'metricsPort', [['9090', 9090]], ['65536', 'no'])

testVariable('OTEL_EXPORTER_OTLP_ENDPOINT', 'tracesEndpoint',
  [['http://collector:4318/', 'http://collector:4318'], ['https://otel.example.com/in', 'https://otel.example.com/in']],
  ['collector:4318', 'grpc://collector:4317', 'https://user:word@otel.example.com', 'https://otel.example.com?key=word'])

testVariable('OTEL_SERVICE_NAME', 'serviceName', [['articles-eu', 'articles-eu']], ['two words', 'x'.repeat(129)])

testVariable('CORS_ORIGINS', 'corsOrigins',
  [
    ['https://app.example.com, http://localhost:5173', ['https://app.example.com', 'http://localhost:5173']],
    ['capacitor://localhost,tauri://localhost', ['capacitor://localhost', 'tauri://localhost']],
    ['https://*.example.com', ['https://*.example.com']]
  ],
  ['*', 'app.example.com', 'https://app.example.com/', 'https://app.example.com/path', 'HTTPS://app.example.com', 'null'])

testVariable('CORS_HEADERS', 'corsHeaders', [['X-App-Version, X-Tenant', ['X-App-Version', 'X-Tenant']]], ['*', 'X App', 'X-App:', 'x'.repeat(65)])

testVariable('RATE_LIMIT_MAX', 'rateLimitMax', [['0', 0], ['1000000000', 1_000_000_000]], ['1000000001', '-1', 'none'])

testVariable('RATE_LIMIT_WINDOW_S', 'rateLimitWindowSeconds', [['1', 1], ['86400', 86_400]], ['0', '86401'])

testVariable('TRUST_PROXY', 'trustProxy',
  [['true', true], ['false', false], ['10.0.0.0/8, ::1 ,fd00::/8', ['10.0.0.0/8', '::1', 'fd00::/8']]],
  ['1', 'loopback', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/-1', '::1/129', '10.0.0', 'true,10.0.0.1'])

testVariable('LOG_LEVEL', 'level', [['silent', 'silent'], ['trace', 'trace']], ['INFO', 'verbose'])

t.test('readConfig reads the variables that hold secrets', async t => {
  const secrets = {
    POST_CONFIRMATION_SECRET: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    DATABASE_URL: 'postgres://articles:word@db/articles',
    REDIS_URL: 'rediss://:word@redis:6380'
  }
  t.match(readConfig({ ...required, ...secrets }), {
    postConfirmationSecret: secrets.POST_CONFIRMATION_SECRET,
    databaseUrl: secrets.DATABASE_URL,
    redisUrl: secrets.REDIS_URL
  })
  for (const url of ['sqlite::memory:', 'sqlite:/var/lib/articles.db', 'postgresql://db/articles']) {
    t.equal(readConfig({ ...required, DATABASE_URL: url }).databaseUrl, url)
    t.equal(readDatabaseUrl({ DATABASE_URL: url }), url)
  }
})

t.test('readConfig rejects an invalid secret without its value', async t => {
  const invalid = {
    POST_CONFIRMATION_SECRET: ['whsec_secret', 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa!secret'],
    DATABASE_URL: ['mysql://articles:secret@db/articles', 'secret', 'sqlite:', 'postgres//articles:secret@db', 'sqlite:file:secret.db?mode=ro', 'sqlite:secret.db?mode=ro'],
    REDIS_URL: ['http://:secret@redis', 'secret']
  }
  for (const [name, values] of Object.entries(invalid)) {
    for (const value of values) {
      const errors = errorsOf({ ...required, [name]: value })
      t.match(errors, [new RegExp(`^${name}: the value \\(not shown\\) is invalid; expected `)], value)
      t.equal(errors.length, 1)
      t.notMatch(errors.join(), 'secret@')
    }
  }
})

t.test('readConfig allows development keys outside production only', async t => {
  t.equal(readConfig({ ...required, NODE_ENV: 'production' }).allowDevelopmentKeys, false)
  t.equal(readConfig({ ...required, NODE_ENV: 'development' }).allowDevelopmentKeys, true)
})

t.test('readDatabaseUrl needs no other variable', async t => {
  t.equal(readDatabaseUrl({}), 'sqlite:data/articles.db')
  t.equal(readDatabaseUrl({ DATABASE_URL: ' ' }), 'sqlite:data/articles.db')
  t.strictSame(errorsOf({ DATABASE_URL: 'mysql://articles:secret@db' }, readDatabaseUrl), [
    `DATABASE_URL: the value (not shown) is invalid; expected sqlite:<path>, sqlite::memory: or ${postgresUrlForm}`
  ])
})

t.test('.env.example lists exactly the variables of the schema with their defaults, and is valid', async t => {
  const example = readFileSync(new URL('../.env.example', import.meta.url), 'utf8')
  t.doesNotThrow(() => readConfig(parseEnv(example)))

  const all = parseEnv(example.replaceAll(/^#(?=[A-Z_]+=)/gm, ''))
  t.strictSame(Object.keys(all).sort(), Object.keys(EnvironmentSchema.properties).sort())
  for (const [name, schema] of Object.entries(EnvironmentSchema.properties)) {
    if (schema.default !== undefined) t.equal(all[name], schema.default, name)
  }
  t.doesNotThrow(() => readConfig(all))
})
