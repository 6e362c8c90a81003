import createError, { type FastifyErrorConstructor } from '@fastify/error'
import type { ClaimRules, TokenUse } from './claims.ts'
import { listIssuers, type Issuer } from './issuers.ts'
import { parseKeySet } from './keys/key-set.ts'
import type { CognitoAuthOptions, TokenRules, UserPoolOptions } from './options.ts'

/** An option is unknown, missing, contradictory or out of range. The message names the options. */
export const InvalidOptionError: FastifyErrorConstructor = createError('FST_COGNITO_INVALID_OPTION', '%s', 500)

/** A trusted issuer with the rules of its tokens. */
export interface TrustedIssuer extends Issuer {
  rules: ClaimRules
  customCheck: TokenRules['customCheck']
}

/** The options with their defaults, checked. */
export interface Settings {
  issuers: Map<string, TrustedIssuer>
  jwksCacheTtlSeconds: number
  allowDevelopmentKeys: boolean
  tokenCacheSize: number
  maxTokenBytes: number
  realm: string
  decoratorName: string
  namespace: string | undefined
}

const ruleNames = ['clientId', 'tokenUse', 'groups', 'scope', 'audience', 'customCheck']
const poolNames = [...ruleNames, 'userPoolId', 'jwksUri', 'jwks', 'replicaRegions']
const optionNames = [
  ...poolNames, 'userPools', 'graceSeconds', 'endpoint', 'keySetStorage', 'jwksCacheTtlSeconds', 'fetch', 'dispatcher',
  'allowDevelopmentKeys', 'tokenCacheSize', 'maxTokenBytes', 'realm', 'getToken', 'decoratorName', 'namespace'
]

/**
 * Checks the options and fills in their defaults.
 * @throws {InvalidOptionError}
 */
export function readOptions (options: CognitoAuthOptions): Settings {
  checkNames(options, optionNames, '')
  refuseTogether(options, 'fetch', 'dispatcher')
  refuseTogether(options, 'endpoint', 'replicaRegions')
  refuseTogether(options, 'jwks', 'jwksUri')
  const { realm = 'api', decoratorName = 'user', namespace, endpoint } = options
  check(/^[ !#-[\]-~]+$/.test(realm), 'realm must be ASCII text without quotes and backslashes')
  check(decoratorName !== '', 'decoratorName must not be empty')
  check(namespace !== '', 'namespace must not be empty')
  check(endpoint === undefined || isUrl(endpoint), 'endpoint must be an http or https URL')
  for (const name of ['getToken', 'fetch', 'customCheck'] as const) {
    check(options[name] === undefined || typeof options[name] === 'function', `${name} must be a function`)
  }
  return {
    issuers: readPools(options),
    jwksCacheTtlSeconds: readNumber(options, 'jwksCacheTtlSeconds', 3_600, 1, 86_400),
    allowDevelopmentKeys: readAllowDevelopmentKeys(options),
    tokenCacheSize: readNumber(options, 'tokenCacheSize', 6_000, 0, 1_000_000),
    maxTokenBytes: readNumber(options, 'maxTokenBytes', 16_384, 1_024, 65_536),
    realm,
    decoratorName,
    namespace
  }
}

function readAllowDevelopmentKeys ({ allowDevelopmentKeys }: CognitoAuthOptions): boolean {
  return allowDevelopmentKeys ?? process.env.NODE_ENV !== 'production'
}

function readPools (options: CognitoAuthOptions): Map<string, TrustedIssuer> {
  const graceMs = readNumber(options, 'graceSeconds', 0, 0, 300) * 1000
  const pools = listPools(options)
  check(pools.length > 0, 'userPoolId or userPools must name a user pool')
  // With one address or one set for several pools, a key of one pool would vouch for the users of another.
  for (const name of ['jwks', 'jwksUri'] as const) {
    const isShared = pools.length > 1 && options[name] !== undefined && !String(options[name]).includes('{pool}')
    check(!isShared, `${name} is for one user pool: give it in userPools${name === 'jwksUri' ? ', or with {pool} in it' : ''}`)
  }
  const trusted = pools.flatMap(pool => readPool(pool, options, graceMs))
  const issuers = new Map(trusted.map(issuer => [issuer.name, issuer]))
  check(issuers.size === trusted.length, 'userPoolId and userPools must name each user pool once')
  return issuers
}

function listPools (options: CognitoAuthOptions): UserPoolOptions[] {
  refuseTogether(options, 'userPools', 'userPoolId')
  if (options.userPools === undefined) return readList(options, 'userPoolId').map(userPoolId => ({ userPoolId }))
  for (const [index, pool] of options.userPools.entries()) checkNames(pool, poolNames, `userPools[${index}].`)
  return [...options.userPools]
}

function readPool (pool: UserPoolOptions, shared: CognitoAuthOptions, graceMs: number): TrustedIssuer[] {
  const { userPoolId } = pool
  check(/^[a-z][a-z0-9-]*_[0-9A-Za-z]+$/.test(userPoolId), `userPoolId ${JSON.stringify(userPoolId)} must be like eu-west-1_AbC123xyz`)
  refuseTogether(pool, 'jwks', 'jwksUri')
  const own: CognitoAuthOptions = { ...shared, ...pool }
  // A pool's own address or keys replace those of the registration.
  if (pool.jwks !== undefined) own.jwksUri = undefined
  if (pool.jwksUri !== undefined) own.jwks = undefined
  check(own.endpoint === undefined || own.replicaRegions === undefined, 'endpoint and replicaRegions contradict each other')
  check(own.jwksUri === undefined || isUrl(own.jwksUri), 'jwksUri must be an http or https URL')

  const { clientId } = own
  check(clientId !== undefined, 'clientId must name the app clients, or be null for any client of the pool')
  const tokenUse = readList(own, 'tokenUse', ['id', 'access']).map(readTokenUse)
  const rules: ClaimRules = {
    clientIds: clientId === null ? null : new Set(readList(own, 'clientId')),
    tokenUse: new Set(tokenUse),
    audience: new Set(readList(own, 'audience', [])),
    groups: readList(own, 'groups', []),
    scope: readList(own, 'scope', []),
    graceMs
  }
  check(rules.scope.length === 0 || rules.tokenUse.has('access'), 'scope and tokenUse contradict each other: id tokens have no scope')
  const issuers = listIssuers({ userPoolIds: [userPoolId], endpoint: own.endpoint?.replace(/\/+$/, ''), jwksUri: own.jwksUri, replicaRegions: own.replicaRegions })
  return issuers.map(issuer => ({ ...issuer, jwks: readJwks(own), rules, customCheck: own.customCheck }))
}

function readTokenUse (use: string): TokenUse {
  if (use !== 'id' && use !== 'access') throw new InvalidOptionError('tokenUse must be id, access or both')
  return use
}

function readJwks (options: CognitoAuthOptions): string | undefined {
  if (options.jwks === undefined) return undefined
  const jwks = JSON.stringify(options.jwks)
  try {
    parseKeySet(jwks, { allowDevelopmentKeys: readAllowDevelopmentKeys(options) })
    return jwks
  } catch (cause) {
    throw new InvalidOptionError('jwks must be a JWK set with an RSA signing key of 2,048 bits or more', { cause })
  }
}

type ListName = 'userPoolId' | 'clientId' | 'tokenUse' | 'groups' | 'scope' | 'audience'

/** A text or a list of texts; an empty list is an error, because it would accept nothing. */
function readList (options: CognitoAuthOptions, name: ListName, otherwise?: readonly string[]): readonly string[] {
  const value = options[name]
  if (value === undefined && otherwise !== undefined) return otherwise
  const list = Array.isArray(value) ? value : [value]
  const isList = list.length > 0 && list.every((item: unknown) => typeof item === 'string' && item !== '')
  if (!isList) throw new InvalidOptionError(`${name} must be a text or a list of texts, none of them empty`)
  return list
}

type NumberName = 'graceSeconds' | 'jwksCacheTtlSeconds' | 'tokenCacheSize' | 'maxTokenBytes'

function readNumber (options: CognitoAuthOptions, name: NumberName, otherwise: number, min: number, max: number): number {
  const value = options[name] ?? otherwise
  check(Number.isInteger(value) && value >= min && value <= max, `${name} must be a whole number from ${min} to ${max}`)
  return value
}

function checkNames (options: object, names: string[], prefix: string): void {
  const unknown = Object.keys(options).filter(name => !names.includes(name))
  check(unknown.length === 0, `unknown options: ${unknown.map(name => prefix + name).join(', ')}`)
}

function refuseTogether<Name extends string> (options: { [name in Name]?: unknown }, first: Name, second: Name): void {
  check(options[first] === undefined || options[second] === undefined, `${first} and ${second} contradict each other`)
}

function isUrl (text: string): boolean {
  return /^https?:$/.test(URL.parse(text.replaceAll('{pool}', 'pool'))?.protocol ?? '')
}

function check (holds: boolean, message: string): void {
  if (!holds) throw new InvalidOptionError(message)
}
