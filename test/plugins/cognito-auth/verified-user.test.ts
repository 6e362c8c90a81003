import t from 'tap'
import type { Claims } from '../../../plugins/cognito-auth/claims.ts'
import { verifiedUser } from '../../../plugins/cognito-auth/verified-user.ts'

const issuer = {
  name: 'updated issuer',
  userPoolId: 'eu-west-1_Test00001',
  original: 'issuer',
  jwksUri: 'https://example.com',
  optional: true
}

const idClaims: Claims = {
  iss: 'updated issuer',
  sub: 'subject',
  exp: 2_000_000_000,
  token_use: 'id',
  aud: 'client1',
  'cognito:username': 'alice',
  'cognito:groups': ['admin', 'authors'],
  email: 'Alice@example.com',
  email_verified: true,
  auth_time: 1_700_000_000,
  iat: 1_700_000_060,
  origin_jti: 'session',
  scope: 'openid'
}

const accessClaims: Claims = {
  ...idClaims, token_use: 'access', client_id: 'client2', username: 'alice.access', scope: 'aws.cognito.signin.user.admin  articles/write '
}

t.test('verifiedUser reads an id token', async t => {
  t.strictSame(verifiedUser(idClaims, issuer), {
    key: 'issuer subject',
    issuer: 'issuer',
    userPoolId: 'eu-west-1_Test00001',
    subject: 'subject',
    username: 'alice',
    clientId: 'client1',
    email: 'Alice@example.com',
    emailVerified: true,
    groups: ['admin', 'authors'],
    scopes: [],
    tokenUse: 'id',
    authTime: 1_700_000_000,
    originJti: 'session',
    expiresAt: 2_000_000_000,
    claims: idClaims
  })
})

t.test('verifiedUser reads an access token, which vouches for no e-mail', async t => {
  t.match(verifiedUser(accessClaims, issuer), {
    username: 'alice.access',
    clientId: 'client2',
    email: null,
    emailVerified: false,
    groups: ['admin', 'authors'],
    scopes: ['aws.cognito.signin.user.admin', 'articles/write'],
    tokenUse: 'access'
  })
})

t.test('verifiedUser makes do without what a token may lack', async t => {
  const claims: Claims = { iss: 'updated issuer', sub: 'subject', exp: 1, token_use: 'id' }
  t.strictSame(verifiedUser(claims, issuer), {
    key: 'issuer subject',
    issuer: 'issuer',
    userPoolId: 'eu-west-1_Test00001',
    subject: 'subject',
    username: 'subject',
    clientId: '',
    email: null,
    emailVerified: false,
    groups: [],
    scopes: [],
    tokenUse: 'id',
    authTime: null,
    originJti: null,
    expiresAt: 1,
    claims
  })
})

t.test('verifiedUser takes nothing of another type for what it seems', async t => {
  t.match(verifiedUser({ ...idClaims, 'cognito:username': 7, 'cognito:groups': 'admin', email: ['alice@example.com'], origin_jti: {} }, issuer), {
    username: 'subject', groups: [], email: null, originJti: null
  })
  t.strictSame(verifiedUser({ ...idClaims, 'cognito:groups': ['admin', 1, null, ['authors']] }, issuer).groups, ['admin'])
  t.strictSame(verifiedUser({ ...accessClaims, scope: ['articles/write'] }, issuer).scopes, [])
  for (const verified of ['true', 'false', 1, null, [true]]) {
    t.equal(verifiedUser({ ...idClaims, email_verified: verified }, issuer).emailVerified, false, JSON.stringify(verified))
  }
})

t.test('verifiedUser takes no e-mail address of a federated user for verified', async t => {
  const identities = [{ userId: '108', providerName: 'Google', providerType: 'Google' }]
  for (const verified of [true, 'true', false]) {
    t.equal(verifiedUser({ ...idClaims, email_verified: verified, identities }, issuer).emailVerified, false, `${typeof verified}`)
  }
  t.equal(verifiedUser({ ...idClaims, identities: [] }, issuer).emailVerified, true, 'the last provider was unlinked')
})

t.test('verifiedUser takes the time of issue where that of the sign-in is not said', async t => {
  t.equal(verifiedUser({ ...idClaims, auth_time: undefined }, issuer).authTime, 1_700_000_060)
  t.equal(verifiedUser({ ...idClaims, auth_time: '0', iat: 'now' }, issuer).authTime, null)
  for (const time of [1.5, 1e308, null]) t.equal(verifiedUser({ ...idClaims, auth_time: time }, issuer).authTime, 1_700_000_060, `${time}`)
})

t.test('verifiedUser keeps no text that a database could not', async t => {
  for (const odd of ['', 'a\0', '\ud800', 'x'.repeat(256)]) {
    t.match(verifiedUser({ ...idClaims, 'cognito:username': odd, email: odd, origin_jti: odd }, issuer), { username: 'subject', email: null, originJti: null })
  }
})

t.test('verifiedUser is frozen with all of its members and claims', async t => {
  const user = verifiedUser({ ...accessClaims, 'cognito:groups': ['authors'], address: { lines: [{ street: 'a' }] } }, issuer)
  const claims: Record<string, unknown> = user.claims
  t.ok([user, user.groups, user.scopes, claims, claims['cognito:groups'], claims.address].every(Object.isFrozen))
  t.throws(() => Object.assign(Object(claims.address).lines[0], { street: 'b' }), TypeError)
})
