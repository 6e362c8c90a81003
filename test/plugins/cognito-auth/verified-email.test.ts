import t from 'tap'
import { isEmailVerified } from '../../../plugins/cognito-auth/verified-email.ts'

const identities = [{ userId: '108', providerName: 'Google' }]

t.test('isEmailVerified takes the boolean true from tokens, and the text "true" from attributes too', async t => {
  const rows: [verified: unknown, token: boolean, attributes: boolean][] = [
    [true, true, true], ['true', false, true],
    ['TRUE', false, false], ['false', false, false], [false, false, false], [1, false, false], [null, false, false], [undefined, false, false], [[true], false, false]
  ]
  for (const [verified, token, attributes] of rows) {
    t.equal(isEmailVerified({ verified, identities: undefined }, 'token'), token, `token: ${typeof verified} ${verified}`)
    t.equal(isEmailVerified({ verified, identities: undefined }, 'attributes'), attributes, `attributes: ${typeof verified} ${verified}`)
  }
})

t.test('isEmailVerified never takes the word of a federated provider', async t => {
  for (const verified of [true, 'true']) {
    for (const source of ['token', 'attributes'] as const) {
      for (const federated of [identities, JSON.stringify(identities), {}, '']) t.equal(isEmailVerified({ verified, identities: federated }, source), false)
      t.equal(isEmailVerified({ verified, identities: undefined, status: 'EXTERNAL_PROVIDER' }, source), false)
    }
  }
  for (const none of [undefined, null, [], '[]']) t.equal(isEmailVerified({ verified: true, identities: none, status: 'CONFIRMED' }, 'attributes'), true)
})
