import t from 'tap'
import {
  addRealm, insufficientScope, isCognitoAuthError, keysUnavailable, missingGroup, missingToken, refusal, type CognitoAuthError
} from '../../../plugins/cognito-auth/errors.ts'

t.test('refusal makes a 401 with a code, a reason, a challenge and its cause', async t => {
  const cause = new Error('why')
  const error = refusal('signature', 'The signature does not verify', cause)
  t.match(error, {
    name: 'FastifyError',
    code: 'FST_COGNITO_INVALID_TOKEN',
    statusCode: 401,
    reason: 'signature',
    message: 'The signature does not verify.',
    headers: { 'www-authenticate': 'Bearer error="invalid_token", error_description="The signature does not verify"' }
  })
  t.equal(error.cause, cause)
  t.ok(error instanceof Error)
})

t.test('refusal tells an expired token from one without a sensible expiry', async t => {
  t.equal(refusal('expired', 'Too late').code, 'FST_COGNITO_EXPIRED_TOKEN')
  t.equal(refusal('expiry', 'No time').code, 'FST_COGNITO_INVALID_TOKEN')
})

const challenges: [CognitoAuthError, string | undefined][] = [
  [missingToken('No token'), 'Bearer realm="api"'],
  [refusal('client', 'Another client'), 'Bearer realm="api", error="invalid_token", error_description="Another client"'],
  [insufficientScope(['a', 'b'], 'More scopes'), 'Bearer realm="api", error="insufficient_scope", scope="a b"'],
  [missingGroup(['admin']), undefined],
  [keysUnavailable(7, new Error('down')), undefined]
]

for (const [error, challenge] of challenges) {
  t.test(`addRealm makes the challenge of ${error.code} ${challenge}`, async t => {
    addRealm(error, 'api')
    t.equal(error.headers['www-authenticate'], challenge)
  })
}

t.test('keysUnavailable says when to try again', async t => {
  t.match(keysUnavailable(7, undefined), { statusCode: 503, reason: 'keys_unavailable', headers: { 'retry-after': '7' } })
})

t.test('missingGroup names the groups', async t => {
  t.equal(missingGroup(['admin']).message, 'This needs membership of the group admin.')
  t.equal(missingGroup(['admin', 'authors']).message, 'This needs membership of one of the groups admin, authors.')
})

t.test('isCognitoAuthError knows the errors of the package by their codes', async t => {
  t.ok(isCognitoAuthError(missingToken('No token')))
  for (const other of [new Error('no'), Object.assign(new Error('no'), { code: 'FST_ERR_VALIDATION' }), { code: 'FST_COGNITO_NO_TOKEN' }, null]) {
    t.notOk(isCognitoAuthError(other))
  }
})
