import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import published from 'cognito-local/lib/keys/cognitoLocal.public.json' with { type: 'json' }
import { parseKeySet } from '../../../../plugins/cognito-auth/keys/key-set.ts'
import { makeKey, publicJwk, type TestKey } from '../../../support/user-pool.ts'

const key = makeKey('good')
const other = makeKey('other')

t.test('parseKeySet gives the keys by their id, as PEM, not trusted yet', async t => {
  const keys = parse(publicJwk(key), publicJwk(other))
  t.strictSame([...keys.keys()], ['good', 'other'])
  t.strictSame(keys.get('good'), { kid: 'good', pem: pem(key), verify: keys.get('good')?.verify, trustedUntil: 0 })
})

const good: Record<string, Record<string, unknown>> = {
  'without use and alg': { use: undefined, alg: undefined },
  'with key_ops that verify': { key_ops: ['verify'] },
  'with members that are not known': { x5t: 'x', 'https://example.com': [1] },
  'with an id of 128 characters': { kid: 'k'.repeat(128) },
  'with an id from a prototype': { kid: '__proto__' }
}

for (const [name, changes] of Object.entries(good)) {
  t.test(`parseKeySet takes a key ${name}`, async t => {
    t.same([...parse({ ...publicJwk(key), ...changes }).values()].map(key => key.pem), [pem(key)])
  })
}

const unusable: Record<string, unknown> = {
  'that is null': null,
  'that is an array': [],
  'that is a string': 'key',
  'without id': { ...publicJwk(other), kid: undefined },
  'with an empty id': { ...publicJwk(other), kid: '' },
  'with an id of 129 characters': { ...publicJwk(other), kid: 'k'.repeat(129) },
  'with a number for an id': { ...publicJwk(other), kid: 1 },
  'to encrypt with': { ...publicJwk(other), use: 'enc' },
  'for RS512': { ...publicJwk(other), alg: 'RS512' },
  'with key_ops that do not verify': { ...publicJwk(other), key_ops: ['sign'] },
  'with empty key_ops': { ...publicJwk(other), key_ops: [] },
  'without modulus': { ...publicJwk(other), n: undefined },
  'with an empty modulus': { ...publicJwk(other), n: '' },
  'without exponent': { ...publicJwk(other), e: undefined },
  'with an exponent of 1': { ...publicJwk(other), e: 'AQ' },
  'with an even exponent': { ...publicJwk(other), e: 'BA' },
  'of 2,047 bits': publicJwk(makeKey('other', 2047)),
  'on an elliptic curve': { ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }), kid: 'other' },
  'that is a secret': { kty: 'oct', kid: 'other', k: 'AAAA' },
  'that is published with its private half': published.jwk
}

for (const [name, jwk] of Object.entries(unusable)) {
  t.test(`parseKeySet leaves out a key ${name}, and takes the one beside it`, async t => {
    t.strictSame([...parse(jwk, publicJwk(key)).keys()], ['good'])
    t.throws(() => parse(jwk), { message: 'the key set holds no usable signing key' })
  })
}

t.test('parseKeySet takes the first usable key of an id', async t => {
  const keys = parse({ ...publicJwk(makeKey('good')), use: 'enc' }, publicJwk(key), { ...publicJwk(other), kid: 'good' })
  t.strictSame([...keys.values()].map(({ pem }) => pem), [pem(key)])
})

t.test("parseKeySet takes cognito-local's published key where it may", async t => {
  const text = JSON.stringify({ keys: [published.jwk] })
  t.strictSame([...parseKeySet(text, { allowDevelopmentKeys: true }).keys()], ['CognitoLocal'])
})

t.test('parseKeySet refuses what is not a set', async t => {
  for (const text of ['', 'null', '[]', '{}', '{"keys":{}}', '{"keys":null}', '{"keys":[]}', '<html>', '{"keys":[}']) {
    t.throws(() => parseKeySet(text, { allowDevelopmentKeys: false }), Error, text)
  }
})

function parse (...keys: unknown[]): ReturnType<typeof parseKeySet> {
  return parseKeySet(JSON.stringify({ keys }), { allowDevelopmentKeys: false })
}

function pem ({ publicKey }: TestKey): string {
  return publicKey.export({ type: 'spki', format: 'pem' }).toString()
}
