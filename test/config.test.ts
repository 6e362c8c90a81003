import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import t from 'tap'
import { ConfigError, EnvironmentSchema, readConfig, readDatabaseUrl } from '../src/config.ts'
import { postgresUrlForm } from '../src/database/postgres/url.ts'

const required = { AWS_USER_POOLS_ID: 'eu-west-1_Test00001', AWS_APP_CLIENT_ID: 'client1' }
const endpoint = 'AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER'

/** The lines of the refusal of an environment, or none where it is accepted. */
function faultsOf (environment: Record<string, string | undefined>, read: (env: Record<string, string | undefined>) => unknown = readConfig): string[] {
  try {
    read(environment)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}

/** A test of a variable: what it takes and becomes, and what it refuses. */
function variable (name: string, field: keyof ReturnType<typeof readConfig>, good: Array<[string, unknown]>, bad: string[]): void {
  t.test(`${name} is read`, async t => {
    for (const [value, expected] of good) t.strictSame(readConfig({ ...required, [name]: value })[field], expected, JSON.stringify(value))
  })
  t.test(`${name} is refused in one line that names it, what it held and what it takes`, async t => {
    for (const value of bad) {
      const faults = faultsOf({ ...required, [name]: value })
      t.equal(faults.length, 1, JSON.stringify(value))
      // What may be a password is not shown.
      const shown = JSON.stringify(value.replace(/\/\/.*@/, '//…@'))
      t.ok(faults[0]?.startsWith(`${name}: held ${shown}; it takes `), faults.join())
    }
  })
}

t.test('the two Cognito variables are all that is needed', async t => {
  t.strictSame(readConfig(required), {
    userPoolIds: ['eu-west-1_Test00001'],
    clientIds: ['client1'],
    endpoint: undefined,
    jwksUri: undefined,
    tokenUse: ['id', 'access'],
    jwksMaxAge: 3600,
    allowDevelopmentKeys: true,
    provisioning: 'strict',
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
    corsOrigins: [],
    rateLimitMax: 600,
    rateLimitWindow: 60,
    trustProxy: false,
    metricsPort: undefined,
    tracesEndpoint: undefined,
    serviceName: 'articles',
    level: 'info'
  })
})

t.test('an empty environment lacks the two Cognito variables', async t => {
  t.strictSame(faultsOf({}), [
    'AWS_USER_POOLS_ID: is not set; it takes user pool ids, comma separated, such as eu-west-1_AbC123xyz',
    'AWS_APP_CLIENT_ID: is not set; it takes app client ids, comma separated'
  ])
})

t.test('an empty or blank variable counts as unset', async t => {
  const names = Object.keys(EnvironmentSchema.properties).filter(name => !(name in required))
  const empty = Object.fromEntries(names.map((name, index) => [name, index % 2 === 0 ? '' : '  ']))
  t.strictSame(readConfig({ ...required, ...empty }), readConfig(required))
  t.strictSame(faultsOf({ AWS_USER_POOLS_ID: '', AWS_APP_CLIENT_ID: ' ' }), faultsOf({}))
})

t.test('variables that are not the service\'s own are left alone', async t => {
  t.strictSame(readConfig({ ...required, toString: 'x', PATH: '/bin', DATABASE_URI: 'nonsense' }), readConfig(required))
})

t.test('every fault is reported at once, a line each, in the order of the schema', async t => {
  const faults = faultsOf({
    AWS_USER_POOLS_ID: 'no-pool',
    COGNITO_TOKEN_USE: 'refresh',
    [endpoint]: 'ftp://127.0.0.1',
    PORT: '65536',
    LOG_LEVEL: 'loud\nand clear'
  })
  t.strictSame(faults.map(fault => fault.split(':', 1)[0]), ['AWS_USER_POOLS_ID', 'AWS_APP_CLIENT_ID', endpoint, 'COGNITO_TOKEN_USE', 'PORT', 'LOG_LEVEL'])
  t.notMatch(faults.join(''), '\n')
  t.equal(new ConfigError(faults).message, faults.join('\n'))
})

variable('AWS_USER_POOLS_ID', 'userPoolIds',
  [
    ['eu-west-1_AbC123xyz', ['eu-west-1_AbC123xyz']],
    [' eu-west-1_AbC123xyz , us-gov-west-1_9,', ['eu-west-1_AbC123xyz', 'us-gov-west-1_9']]
  ],
  ['eu-west-1', 'eu-west-1_', '_AbC', 'eu-west-1_a/b', 'EU-WEST-1_AbC', 'eu-west-1_AbC;us-east-1_AbC', 'eu-west-1_AbC,,us-east-1_AbC', ','])

variable('AWS_APP_CLIENT_ID', 'clientIds',
  [['3n4b5urk1ft4fl3mg5e62d9ado', ['3n4b5urk1ft4fl3mg5e62d9ado']], ['a+b, c_d', ['a+b', 'c_d']]],
  ['a b', 'a/b', 'x'.repeat(129), ','])

variable(endpoint, 'endpoint',
  [
    ['https://cognito.example.com', 'https://cognito.example.com'],
    ['https://cognito.example.com/idp//', 'https://cognito.example.com/idp'],
    ['http://localhost:9229/', 'http://localhost:9229'],
    ['http://pool.localhost', 'http://pool.localhost'],
    ['http://127.3.2.1:9229', 'http://127.3.2.1:9229'],
    ['http://[::1]:9229', 'http://[::1]:9229']
  ],
  ['cognito.example.com', 'ftp://localhost', 'https://cognito.example.com?a=b', 'https://cognito.example.com#a', 'https://user@cognito.example.com', 'https://:word@cognito.example.com'])

variable('COGNITO_JWKS_URI', 'jwksUri',
  [
    ['https://keys.example.com/{pool}.json?v=1', 'https://keys.example.com/{pool}.json?v=1'],
    ['http://127.0.0.1:9229/keys', 'http://127.0.0.1:9229/keys']
  ],
  ['/keys', 'file:///keys', 'https://keys.example.com/#a', 'https://user@keys.example.com/'])

t.test('plain http is for a loopback host only', async t => {
  for (const name of [endpoint, 'COGNITO_JWKS_URI']) {
    for (const url of ['http://cognito.example.com', 'http://10.0.0.1', 'http://127.0.0.1.example.com', 'http://localhost.example.com', 'http://[::2]', 'http://{pool}.example.com']) {
      const held = { ...required, [name]: url }
      if (name === 'COGNITO_JWKS_URI' || !url.includes('{')) {
        t.strictSame(faultsOf(held), [`${name}: held "${url}"; it takes http: for a loopback host only, unless COGNITO_ALLOW_HTTP is true`])
      }
      t.notMatch(faultsOf({ ...held, COGNITO_ALLOW_HTTP: 'true' }), [/loopback/])
    }
  }
  t.equal(readConfig({ ...required, COGNITO_ALLOW_HTTP: 'true', [endpoint]: 'http://cognito:9229' }).endpoint, 'http://cognito:9229')
  t.match(faultsOf({ ...required, COGNITO_ALLOW_HTTP: 'yes' }), ['COGNITO_ALLOW_HTTP: held "yes"; it takes true or false'])
})

t.test('one address of keys serves one pool; several pools need {pool} in it', async t => {
  const AWS_USER_POOLS_ID = 'eu-west-1_AbC, eu-west-1_DeF'
  const COGNITO_JWKS_URI = 'https://keys.example.com/jwks.json'
  t.strictSame(faultsOf({ ...required, AWS_USER_POOLS_ID, COGNITO_JWKS_URI }), [
    `COGNITO_JWKS_URI: held "${COGNITO_JWKS_URI}"; it takes a URL with {pool} in it where there are several user pools`
  ])
  t.strictSame(faultsOf({ ...required, AWS_USER_POOLS_ID, COGNITO_JWKS_URI: 'https://keys.example.com/{pool}.json' }), [])
  t.strictSame(faultsOf({ ...required, COGNITO_JWKS_URI }), [])
})

variable('COGNITO_TOKEN_USE', 'tokenUse',
  [['id', ['id']], ['access', ['access']], [' access , id,', ['access', 'id']]],
  ['refresh', 'ID', 'id access', 'id,'.repeat(2) + 'refresh', ','])

variable('JWKS_MAX_AGE_S', 'jwksMaxAge', [['1', 1], ['86400', 86_400]], ['0', '86401', '1.5', '-1', '1e3', '60s', '0x10'])

variable('USER_PROVISIONING', 'provisioning', [['strict', 'strict'], ['auto', 'auto']], ['Auto', 'none'])

variable('USERNAME_CLAIM', 'usernameClaim', [['custom:nick', 'custom:nick']], ['two words', 'x'.repeat(129)])

variable('USERS_SYNC_INTERVAL_S', 'usersSyncInterval', [['60', 60], ['604800', 604_800]], ['59', '604801', '1h'])

variable('RESOURCE_SERVER', 'resourceServer', [['https://api.example.com', 'https://api.example.com']], ['two words', 'a"b', 'a\\b', 'x'.repeat(257)])

variable('COGNITO_REPLICA_REGIONS', 'replicaRegions', [['eu-central-1, us-gov-west-1', ['eu-central-1', 'us-gov-west-1']]], ['Frankfurt', 'eu-central'])

variable('ADMIN_GROUP', 'adminGroup', [['staff', 'staff'], ['x'.repeat(128), 'x'.repeat(128)]], ['two words', 'x'.repeat(129)])

variable('HOST', 'host', [['0.0.0.0', '0.0.0.0'], ['::', '::']], ['a b'])

variable('PORT', 'port', [['0', 0], ['65535', 65_535]], ['65536', '-1', '80.5', 'http', '99999999999'])

variable('METRICS_PORT', 'metricsPort', [['9090', 9090]], ['65536', 'no'])

variable('OTEL_EXPORTER_OTLP_ENDPOINT', 'tracesEndpoint',
  [['http://collector:4318/', 'http://collector:4318'], ['https://otel.example.com/in', 'https://otel.example.com/in']],
  ['collector:4318', 'grpc://collector:4317', 'https://user:word@otel.example.com', 'https://otel.example.com?key=word'])

variable('OTEL_SERVICE_NAME', 'serviceName', [['articles-eu', 'articles-eu']], ['two words', 'x'.repeat(129)])

variable('CORS_ORIGINS', 'corsOrigins',
  [['https://app.example.com, http://localhost:5173', ['https://app.example.com', 'http://localhost:5173']]],
  ['*', 'app.example.com', 'https://app.example.com/', 'https://app.example.com/path', 'HTTPS://app.example.com', 'null'])

variable('RATE_LIMIT_MAX', 'rateLimitMax', [['0', 0], ['1000000000', 1_000_000_000]], ['1000000001', '-1', 'none'])

variable('RATE_LIMIT_WINDOW_S', 'rateLimitWindow', [['1', 1], ['86400', 86_400]], ['0', '86401'])

variable('TRUST_PROXY', 'trustProxy',
  [['true', true], ['false', false], ['10.0.0.0/8, ::1 ,fd00::/8', ['10.0.0.0/8', '::1', 'fd00::/8']]],
  ['1', 'loopback', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/-1', '::1/129', '10.0.0', 'true,10.0.0.1'])

variable('LOG_LEVEL', 'level', [['silent', 'silent'], ['trace', 'trace']], ['INFO', 'verbose'])

t.test('variables that hold secrets are read', async t => {
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

t.test('variables that hold secrets are refused without being shown', async t => {
  const bad = {
    POST_CONFIRMATION_SECRET: ['whsec_secret', 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa!secret'],
    DATABASE_URL: ['mysql://articles:secret@db/articles', 'secret', 'sqlite:', 'postgres//articles:secret@db'],
    REDIS_URL: ['http://:secret@redis', 'secret']
  }
  for (const [name, values] of Object.entries(bad)) {
    for (const value of values) {
      const faults = faultsOf({ ...required, [name]: value })
      t.match(faults, [new RegExp(`^${name}: held a value that is not shown; it takes `)], value)
      t.equal(faults.length, 1)
      t.notMatch(faults.join(), 'secret@')
    }
  }
})

t.test('keys whose private half is public are refused in production', async t => {
  t.equal(readConfig({ ...required, NODE_ENV: 'production' }).allowDevelopmentKeys, false)
  t.equal(readConfig({ ...required, NODE_ENV: 'development' }).allowDevelopmentKeys, true)
})

t.test('readDatabaseUrl needs nothing but the database', async t => {
  t.equal(readDatabaseUrl({}), 'sqlite:data/articles.db')
  t.equal(readDatabaseUrl({ DATABASE_URL: ' ' }), 'sqlite:data/articles.db')
  t.strictSame(faultsOf({ DATABASE_URL: 'mysql://articles:secret@db' }, readDatabaseUrl), [
    `DATABASE_URL: held a value that is not shown; it takes sqlite:<path>, sqlite::memory: or ${postgresUrlForm}`
  ])
})

t.test('.env.example names exactly the variables, with their defaults, and is accepted', async t => {
  const example = readFileSync(new URL('../.env.example', import.meta.url), 'utf8')
  t.doesNotThrow(() => readConfig(parseEnv(example)))

  const all = parseEnv(example.replaceAll(/^#(?=[A-Z_]+=)/gm, ''))
  t.strictSame(Object.keys(all).sort(), Object.keys(EnvironmentSchema.properties).sort())
  for (const [name, schema] of Object.entries(EnvironmentSchema.properties)) {
    if (schema.default !== undefined) t.equal(all[name], schema.default, name)
  }
  t.doesNotThrow(() => readConfig(all))
})
