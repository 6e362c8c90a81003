import t from 'tap'
import { readBearerToken } from '../../../plugins/cognito-auth/bearer-token.ts'

const read: [rawHeaders: string[], token: string | undefined][] = [
  [['Authorization', 'Bearer a.b.c'], 'a.b.c'],
  [['authorization', 'bearer a.b.c'], 'a.b.c'],
  [['AUTHORIZATION', 'BEARER    a.b.c'], 'a.b.c'],
  [['Host', 'Authorization', 'Authorization', 'a.b.c'], 'a.b.c'],
  [['Authorization', 'bearera.b.c'], 'bearera.b.c'],
  [['Authorization', 'Bearer a.b.c d.e.f'], 'a.b.c d.e.f'],
  [['Authorization', 'Bearer\ta.b.c'], 'Bearer\ta.b.c'],
  [[], undefined],
  [['Authorization', ''], undefined],
  [['Authorization', 'Bearer'], undefined],
  [['Authorization', 'Bearer '], undefined],
  [['Authorization', 'Basic a.b.c'], undefined],
  [['Authorization', "it's-a_scheme a.b.c"], undefined],
  [['Authorizations', 'Bearer a.b.c'], undefined],
  [['X-Authorization', 'Bearer a.b.c', 'Proxy-Authorization', 'Bearer a.b.c'], undefined],
  [['Authorisation', 'Bearer a.b.c'], undefined]
]

for (const [rawHeaders, token] of read) {
  t.test(`readBearerToken finds ${token} in ${JSON.stringify(rawHeaders)}`, async t => {
    t.equal(readBearerToken(rawHeaders), token)
  })
}

t.test('readBearerToken refuses two headers, whatever they hold', async t => {
  for (const values of [['a.b.c', 'a.b.c'], ['', 'Bearer a.b.c'], ['Bearer a.b.c', ''], ['Basic a', 'Bearer a.b.c']]) {
    t.throws(() => readBearerToken(values.flatMap(value => ['Authorization', value])), { code: 'FST_COGNITO_INVALID_TOKEN', reason: 'two_headers' })
  }
})
