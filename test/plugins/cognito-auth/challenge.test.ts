import t from 'tap'
import { authenticationProblem } from '../../../plugins/cognito-auth/challenge.ts'
import { KeysUnavailableError, UnknownKeyError } from '../../../plugins/cognito-auth/keys/key-errors.ts'
import { TokenRefusal } from '../../../plugins/cognito-auth/refusal.ts'
import { Problem } from '../../../src/problems/catalogue.ts'

t.test('authenticationProblem tells an outage from a key that is not there, and keeps the cause', async t => {
  const [down, unknown] = [new KeysUnavailableError(7, new Error('down')), new UnknownKeyError('kid')]
  t.match(authenticationProblem(down, 'realm'), { code: 'identity_provider_unavailable', statusCode: 503, headers: { 'retry-after': '7' }, cause: down })
  t.match(authenticationProblem(unknown, 'realm'), { code: 'invalid_auth_token', statusCode: 401, cause: { reason: 'unknown_key', cause: unknown } })
})

t.test('authenticationProblem tells a token that has expired from other refusals', async t => {
  t.equal(authenticationProblem(new TokenRefusal('expired', 'Too late'), 'realm').code, 'expired_auth_token')
  t.equal(authenticationProblem(new TokenRefusal('expiry', 'No time'), 'realm').code, 'invalid_auth_token')
})

t.test("authenticationProblem leaves alone what is not the token's fault", async t => {
  const [problem, fault] = [new Problem('forbidden', 'No.'), new TypeError('a mistake')]
  t.equal(authenticationProblem(problem, 'realm'), problem)
  t.throws(() => authenticationProblem(fault, 'realm'), fault)
})
