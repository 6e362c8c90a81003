import t from 'tap'
import { readToken as read } from '../../../plugins/cognito-auth/token.ts'
import { encode } from '../../support/user-pool.ts'

const header = { alg: 'RS256', kid: 'key' }
const payload = { iss: 'https://example.com' }
const readToken = (token: string) => read(token, 16_384)

t.test('readToken gives the key and the issuer that a token names', async t => {
  t.strictSame(readToken(token(header, payload)), { header, kid: 'key', issuer: 'https://example.com' })
})

t.test('readToken takes every canonical ending of base64url', async t => {
  for (let length = 1; length <= 6; length++) {
    t.ok(readToken(token(header, payload, Buffer.alloc(length, 255).toString('base64url'))), `${length} bytes`)
  }
})

t.test('readToken refuses every other ending of base64url', async t => {
  // RFC 4648 3.5: what is left over after whole bytes are four bits or two, and they are zero.
  for (const ending of ['A', 'AAAAA', 'AB', '_B', 'Af', 'A_', 'AAB', 'AAC', 'AAD', 'AA_', 'AAAAAB', 'AA=', 'AA==', 'AA\n', '']) {
    t.throws(() => readToken(token(header, payload, ending)), { code: 'FST_COGNITO_INVALID_TOKEN', reason: 'malformed' }, JSON.stringify(ending))
  }
})

t.test('readToken accepts a token of maxTokenBytes and refuses one more byte', async t => {
  const { length } = token(header, payload, '')
  t.ok(readToken(token(header, payload, 'A'.repeat(16_384 - length))))
  t.throws(() => readToken(token(header, payload, 'A'.repeat(16_385 - length))), { code: 'FST_COGNITO_INVALID_TOKEN', reason: 'too_long' })
})

t.test('readToken refuses near misses of its pattern', async t => {
  t.throws(() => readToken(`${'A'.repeat(8190)}!`), { code: 'FST_COGNITO_INVALID_TOKEN', reason: 'malformed' })
  t.throws(() => readToken('A.'.repeat(2 ** 19)), { code: 'FST_COGNITO_INVALID_TOKEN', reason: 'too_long' })
})

t.test('readToken does not take members of a prototype for members of the header', async t => {
  t.ok(readToken(token('{"alg":"RS256","kid":"key","__proto__":{"crit":["x"]}}', payload)))
  t.throws(() => readToken(token('{"__proto__":{"alg":"RS256","kid":"key"}}', payload)), { code: 'FST_COGNITO_INVALID_TOKEN', reason: 'algorithm' })
  t.throws(() => readToken(token(header, '{"__proto__":{"iss":"https://example.com"}}')), { code: 'FST_COGNITO_INVALID_TOKEN', reason: 'issuer' })
})

t.test('readToken quotes nothing of a token in its refusals', async t => {
  for (const forged of [token('{"alg":"\\"\\r\\n"}', payload), token(header, '{"iss":"\\"\\r\\n'), token('\r\n"', payload), '"\r\n"']) {
    t.throws(() => readToken(forged), { code: 'FST_COGNITO_INVALID_TOKEN', message: /^[\w' -]+\.$/ })
  }
})

function token (header: unknown, payload: unknown, signature = 'AA'): string {
  return `${encode(header)}.${encode(payload)}.${signature}`
}
