import t from 'tap'
import { Agent } from 'undici'
import type { CognitoAuthOptions } from '../../../plugins/cognito-auth/index.ts'
import { readOptions } from '../../../plugins/cognito-auth/settings.ts'
import { makeKey, publicJwk } from '../../support/user-pool.ts'

const good: CognitoAuthOptions = { userPoolId: 'eu-west-1_A', clientId: 'client1' }
const jwks = { keys: [publicJwk(makeKey())] }

t.test('readOptions fills in the documented defaults', async t => {
  const { issuers, ...settings } = readOptions({ ...good, allowDevelopmentKeys: false })
  t.strictSame(settings, {
    jwksCacheTtlSeconds: 3_600, allowDevelopmentKeys: false, tokenCacheSize: 6_000, maxTokenBytes: 16_384, realm: 'api', decoratorName: 'user', namespace: undefined
  })
  t.strictSame([...issuers.keys()], ['https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A', 'https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A'])
  t.match([...issuers.values()][0]?.rules, { clientIds: new Set(['client1']), tokenUse: new Set(['id', 'access']), audience: new Set(), groups: [], scope: [], graceMs: 0 })
})

t.test('readOptions gives each pool its own rules, else those of the registration', async t => {
  const { issuers } = readOptions({
    clientId: ['client1', 'client2'],
    tokenUse: 'id',
    groups: 'staff',
    graceSeconds: 5,
    endpoint: 'http://127.0.0.1:9229/',
    userPools: [
      { userPoolId: 'local_1' },
      { userPoolId: 'local_2', clientId: null, tokenUse: ['access'], groups: ['admin', 'authors'], scope: 'orders/read', audience: 'orders', jwks },
      { userPoolId: 'local_3', jwksUri: 'https://keys.example.com/{pool}' }
    ]
  })
  const [first, second, third] = issuers.values()
  t.match(first, { name: 'http://127.0.0.1:9229/local_1', jwks: undefined, rules: { tokenUse: new Set(['id']), groups: ['staff'], graceMs: 5_000 } })
  t.strictSame(first?.rules.clientIds, new Set(['client1', 'client2']))
  t.match(second, { rules: { clientIds: null, tokenUse: new Set(['access']), groups: ['admin', 'authors'], scope: ['orders/read'], audience: new Set(['orders']) } })
  t.strictSame(JSON.parse(second?.jwks ?? ''), jwks)
  t.equal(third?.jwksUri, 'https://keys.example.com/local_3')
})

t.test('readOptions lets the address or the keys of a pool replace those of the registration', async t => {
  const shared = { clientId: 'client1', jwksUri: 'https://keys.example.com/{pool}' }
  const { issuers } = readOptions({ ...shared, endpoint: 'https://example.com', userPools: [{ userPoolId: 'a_1', jwks }, { userPoolId: 'a_2' }] })
  const [first, second] = issuers.values()
  t.ok(first?.jwks)
  t.strictSame([second?.jwks, second?.jwksUri], [undefined, 'https://keys.example.com/a_2'])
})

t.test('readOptions gives the replicas of a pool the same identity', async t => {
  const { issuers } = readOptions({ ...good, replicaRegions: ['us-east-1'] })
  t.strictSame([...issuers.keys()], ['cognito-idp.eu-west-1', 'issuer-cognito-idp.eu-west-1', 'cognito-idp.us-east-1', 'issuer-cognito-idp.us-east-1']
    .map(host => `https://${host}.amazonaws.com/eu-west-1_A`))
  t.equal(new Set([...issuers.values()].map(({ original }) => original)).size, 1)
  t.strictSame([...issuers.values()].map(({ optional }) => optional), [false, true, true, true])
})

// Options as JavaScript may give them: the types forbid most of these.
const bad: [options: object, message: RegExp][] = [
  [{ userPoolIds: ['a_1'], clientId: 'a' }, /^unknown options: userPoolIds$/],
  [{ ...good, verify: {}, secret: 'x' }, /^unknown options: verify, secret$/],
  [{ clientId: 'a', userPools: [{ userPoolId: 'a_1' }, { userPoolId: 'a_2', realm: 'x' }] }, /^unknown options: userPools\[1\]\.realm$/],
  [{ clientId: 'a' }, /^userPoolId must/],
  [{ clientId: 'a', userPools: [] }, /^userPoolId or userPools must/],
  [{ ...good, userPoolId: [] }, /^userPoolId must/],
  [{ ...good, userPoolId: 'no-pool' }, /^userPoolId "no-pool" must be like/],
  [{ ...good, userPoolId: ['a_1', 'a_1'] }, /name each user pool once/],
  [{ ...good, userPools: [{ userPoolId: 'a_1' }] }, /^userPools and userPoolId contradict each other$/],
  [{ userPoolId: 'a_1' }, /^clientId must name the app clients, or be null/],
  [{ ...good, clientId: [] }, /^clientId must be a text/],
  [{ ...good, clientId: ['a', ''] }, /^clientId must be a text/],
  [{ ...good, clientId: 5 }, /^clientId must be a text/],
  [{ ...good, tokenUse: 'refresh' }, /^tokenUse must be id, access or both$/],
  [{ ...good, tokenUse: [] }, /^tokenUse must be a text/],
  [{ ...good, groups: [] }, /^groups must be a text/],
  [{ ...good, tokenUse: 'id', scope: 'a/b' }, /^scope and tokenUse contradict each other/],
  [{ ...good, graceSeconds: -1 }, /^graceSeconds must be a whole number from 0 to 300$/],
  [{ ...good, graceSeconds: '5' }, /^graceSeconds must/],
  [{ ...good, jwksCacheTtlSeconds: 0 }, /^jwksCacheTtlSeconds must be a whole number from 1 to 86400$/],
  [{ ...good, tokenCacheSize: 1.5 }, /^tokenCacheSize must/],
  [{ ...good, maxTokenBytes: 100 }, /^maxTokenBytes must/],
  [{ ...good, realm: 'a"b' }, /^realm must/],
  [{ ...good, decoratorName: '' }, /^decoratorName must/],
  [{ ...good, namespace: '' }, /^namespace must/],
  [{ ...good, getToken: 'cookie' }, /^getToken must be a function$/],
  [{ ...good, fetch: true }, /^fetch must be a function$/],
  [{ ...good, customCheck: {} }, /^customCheck must be a function$/],
  [{ ...good, fetch, dispatcher: new Agent() }, /^fetch and dispatcher contradict each other$/],
  [{ ...good, endpoint: 'localhost:9229' }, /^endpoint must be an http or https URL$/],
  [{ ...good, endpoint: 'https://example.com', replicaRegions: ['us-east-1'] }, /^endpoint and replicaRegions contradict each other$/],
  [{ clientId: 'a', endpoint: 'https://example.com', userPools: [{ userPoolId: 'a_1', replicaRegions: ['us-east-1'] }] }, /^endpoint and replicaRegions contradict/],
  [{ ...good, jwksUri: 'keys.json' }, /^jwksUri must be an http or https URL$/],
  [{ ...good, jwks, jwksUri: 'https://example.com' }, /^jwks and jwksUri contradict each other$/],
  [{ ...good, jwks: { keys: [] } }, /^jwks must be a JWK set/],
  [{ ...good, jwks: { keys: [publicJwk(makeKey('weak', 1024))] } }, /^jwks must be a JWK set/],
  [{ ...good, userPoolId: ['a_1', 'a_2'], jwks }, /^jwks is for one user pool/],
  [{ ...good, userPoolId: ['a_1', 'a_2'], jwksUri: 'https://example.com/keys' }, /^jwksUri is for one user pool/]
]

for (const [options, message] of bad) {
  t.test(`readOptions refuses ${JSON.stringify(options, (_name, value) => value instanceof Agent ? 'an agent' : value).slice(0, 120)}`, async t => {
    t.throws(() => readOptions(options), { code: 'FST_COGNITO_INVALID_OPTION', message })
  })
}
