import t from 'tap'
import { readToken } from '../../../plugins/cognito-auth/token.ts'
import { encode } from '../../support/user-pool.ts'

const header = { alg: 'RS256', kid: 'key' }
const payload = { iss: 'https://example.com' }

t.test('readToken gives the key and the issuer that a token names', async t => {
  t.strictSame(readToken(token(header, payload)), { kid: 'key', issuer: 'https://example.com' })
})

t.test('readToken takes every canonical ending of base64url', async t => {
  for (let length = 1; length <= 6; length++) {
    t.ok(readToken(token(header, payload, Buffer.alloc(length, 255).toString('base64url'))), `${length} bytes`)
  }
})

t.test('readToken refuses every other ending of base64url', async t => {
  // RFC 4648 3.5: what is left over after whole bytes are four bits or two, and they are zero.
  for (const ending of ['A', 'AAAAA', 'AB', '_B', 'Af', 'A_', 'AAB', 'AAC', 'AAD', 'AA_', 'AAAAAB', 'AA=', 'AA==', 'AA\n', '']) {
    t.throws(() => readToken(token(header, payload, ending)), { name: 'TokenRefusal', reason: 'malformed' }, JSON.stringify(ending))
  }
})

t.test('readToken takes 8 kB, and not a character more', async t => {
  const { length } = token(header, payload, '')
  t.ok(readToken(token(header, payload, 'A'.repeat(8192 - length))))
  t.throws(() => readToken(token(header, payload, 'A'.repeat(8193 - length))), { name: 'TokenRefusal', reason: 'too_long' })
})

t.test('readToken refuses a megabyte of near misses in no time', async t => {
  t.throws(() => readToken(`${'A'.repeat(8190)}!`), { name: 'TokenRefusal', reason: 'malformed' })
  t.throws(() => readToken('A.'.repeat(2 ** 19)), { name: 'TokenRefusal', reason: 'too_long' })
})

t.test('readToken does not take members of a prototype for members of the header', async t => {
  t.ok(readToken(token('{"alg":"RS256","kid":"key","__proto__":{"crit":["x"]}}', payload)))
  t.throws(() => readToken(token('{"__proto__":{"alg":"RS256","kid":"key"}}', payload)), { name: 'TokenRefusal', reason: 'algorithm' })
  t.throws(() => readToken(token(header, '{"__proto__":{"iss":"https://example.com"}}')), { name: 'TokenRefusal', reason: 'issuer' })
})

t.test('readToken quotes nothing of a token in its refusals', async t => {
  for (const forged of [token('{"alg":"\\"\\r\\n"}', payload), token(header, '{"iss":"\\"\\r\\n'), token('\r\n"', payload), '"\r\n"']) {
    t.throws(() => readToken(forged), { name: 'TokenRefusal', message: /^[\w' -]+$/ })
  }
})

function token (header: unknown, payload: unknown, signature = 'AA'): string {
  return `${encode(header)}.${encode(payload)}.${signature}`
}
