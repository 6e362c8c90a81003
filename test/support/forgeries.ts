import { constants, createCipheriv, createHmac, generateKeyPairSync, publicEncrypt, randomBytes, sign as signBytes, X509Certificate, type KeyObject } from 'node:crypto'
import { encode, publicJwk, sign, type TestKey, type UserPool } from './user-pool.ts'

/**
 * The material of an attacker: a valid token with its parts, the public key of the pool, and an own user
 * pool.
 */
export interface Loot {
  pool: UserPool
  header: Record<string, unknown>
  claims: Record<string, unknown>
  /** The segments of the valid token. */
  head: string
  body: string
  signature: string
  forger: UserPool
}

type Forge = (loot: Loot) => string

/** Forgeries with the same reason for their rejection. */
interface Family {
  what: string
  /** The `error_description` of the challenge. */
  says: string
  forgeries: Record<string, Forge>
  /** The kind of the token that they are made from. */
  use: 'id' | 'access'
}

/** All forgeries, each made from a valid token of the pool. */
export const families: Family[] = []

export const future = 4_102_444_800

// Malformed tokens, which no key can make valid.
family('tokens that are not three base64url segments', 'The token is not three base64url segments', {
  'stripped of its signature': ({ head, body }) => `${head}.${body}.`,
  'stripped of its signature and its dot': ({ head, body }) => `${head}.${body}`,
  'of one segment': ({ head }) => head,
  'of no segment': () => '..',
  'without header': ({ body, signature }) => `.${body}.${signature}`,
  'without payload': ({ head, signature }) => `${head}..${signature}`,
  'of four segments': ({ head, body, signature }) => `${head}.${body}.${signature}.${signature}`,
  'with a dot behind': ({ head, body, signature }) => `${head}.${body}.${signature}.`,
  "a JWE's five segments": loot => encrypt(loot, unsigned(loot, 'none')),
  'a JWE around a good token': loot => encrypt(loot, `${loot.head}.${loot.body}.${loot.signature}`),
  'in the JSON serialization': ({ head, body, signature }) => JSON.stringify({ protected: head, payload: body, signature }),
  'with padding behind the header': ({ head, body, signature }) => `${head}=.${body}.${signature}`,
  'with padding behind the payload': ({ head, body, signature }) => `${head}.${body}=.${signature}`,
  'with padding behind the signature': ({ head, body, signature }) => `${head}.${body}.${signature}==`,
  "with base64's plus sign": ({ head, body, signature }) => `${head}.${body}.+${signature.slice(1)}`,
  "with base64's slash": ({ head, body, signature }) => `${head}.${body}./${signature.slice(1)}`,
  'with a space inside': ({ head, body, signature }) => `${head}. ${body}.${signature}`,
  'with another spelling of the same signature': ({ head, body, signature }) => `${head}.${body}.${respell(signature)}`,
  'twice in one header': ({ head, body, signature }) => `${head}.${body}.${signature}, ${head}.${body}.${signature}`,
  'twice, each with its scheme': ({ head, body, signature }) => `${head}.${body}.${signature}, Bearer ${head}.${body}.${signature}`,
  'alg none': loot => unsigned(loot, 'none'),
  'alg NONE': loot => unsigned(loot, 'NONE'),
  'alg nOnE': loot => unsigned(loot, 'nOnE')
})

family('tokens longer than 16 kB', 'The token is longer than 16384 bytes', {
  'of 17 kB': resigned({}, { padding: 'x'.repeat(12 * 1024) }),
  'of a good token and dots': ({ head, body, signature }) => `${head}.${body}.${signature}${'.'.repeat(16 * 1024)}`
})

family('algorithms other than RS256', 'The token is not signed with RS256', {
  'none, with a signature of two bytes': loot => `${unsigned(loot, 'none')}AAA`,
  'None, with the good signature': loot => `${unsigned(loot, 'None')}${loot.signature}`,
  'NONE, with the good signature': loot => `${unsigned(loot, 'NONE')}${loot.signature}`,
  'missing alg': resigned({ alg: undefined }),
  'empty alg': resigned({ alg: '' }),
  'alg null': resigned({ alg: null }),
  'alg in an array': resigned({ alg: ['RS256'] }),
  'alg rs256': resigned({ alg: 'rs256' }),
  'alg RS256 and a space': resigned({ alg: 'RS256 ' }),
  'alg twice': ({ pool, claims }) => sign(pool.key.privateKey, `{"alg":"RS256","kid":"${pool.key.kid}","alg":"none"}`, claims),
  ...hmacs('HS256', 'sha256'),
  ...hmacs('HS512', 'sha512'),
  RS384: resigned({ alg: 'RS384' }, {}, 'RSA-SHA384'),
  RS512: resigned({ alg: 'RS512' }, {}, 'RSA-SHA512'),
  PS256: loot => compact(loot, { alg: 'PS256' }, input => pss(input, loot.pool.key.privateKey)),
  ES256: loot => compact(loot, { alg: 'ES256' }, input => signBytes('sha256', input, { key: ecKey, dsaEncoding: 'ieee-p1363' })),
  EdDSA: loot => compact(loot, { alg: 'EdDSA' }, input => signBytes(null, input, edKey))
})

family('signatures that are not of the header, the payload and the key', 'The signature does not verify', {
  'first bit flipped': loot => resealed(loot, signature => flip(signature, 0)),
  'last bit flipped': loot => resealed(loot, signature => flip(signature, signature.length - 1)),
  truncated: loot => resealed(loot, signature => signature.subarray(0, -1)),
  doubled: loot => resealed(loot, signature => Buffer.concat([signature, signature])),
  'with a byte behind': loot => resealed(loot, signature => Buffer.concat([signature, Buffer.alloc(1)])),
  'of one byte': loot => resealed(loot, () => Buffer.alloc(1)),
  'all zero': loot => resealed(loot, signature => Buffer.alloc(signature.length)),
  'payload swapped': ({ head, claims, signature }) => `${head}.${encode({ ...claims, sub: 'another' })}.${signature}`,
  'header swapped': ({ header, body, signature }) => `${encode({ ...header, typ: 'JWT' })}.${body}.${signature}`,
  "another token's": ({ pool, head, body }) => `${head}.${body}.${pool.idToken().split('.')[2]}`,
  "of the forger's key under the pool's kid": ({ header, claims, forger }) => sign(forger.key.privateKey, header, claims),
  'RS384 under RS256': resigned({}, {}, 'RSA-SHA384'),
  'SHA-1 under RS256': resigned({}, {}, 'RSA-SHA1'),
  'PS256 under RS256': loot => compact(loot, {}, input => pss(input, loot.pool.key.privateKey)),
  'HS256 under RS256': loot => compact(loot, {}, input => hmac('sha256', publicPem(loot.pool.key), input)),
  "embedded jwk under the pool's kid": embedded(({ key }) => ({ jwk: publicJwk(key) })),
  "embedded x5c under the pool's kid": embedded(({ key }) => ({ x5c: [certificate(key)] })),
  "jku under the pool's kid": embedded(({ issuer }) => ({ jku: `${issuer}/.well-known/jwks.json` })),
  "x5u under the pool's kid": embedded(({ issuer }) => ({ x5u: `${issuer}/certificate.pem` }))
})

family('keys that are not in the set', 'The user pool has no such signing key', {
  'unknown kid': resigned({ kid: 'unknown' }),
  'kid in another case': ({ pool, claims }) => sign(pool.key.privateKey, pool.header({ kid: pool.key.kid.toUpperCase() }), claims),
  'kid with a space': ({ pool, claims }) => sign(pool.key.privateKey, pool.header({ kid: ` ${pool.key.kid}` }), claims),
  'kid a path': resigned({ kid: '../../../dev/null' }),
  'kid an address': resigned({ kid: 'https://example.com/jwks.json' }),
  'kid SQL': resigned({ kid: "x' UNION SELECT jwks FROM key_sets; --" }),
  'kid __proto__': resigned({ kid: '__proto__' }),
  'kid constructor': resigned({ kid: 'constructor' }),
  'kid with a NUL': resigned({ kid: 'a\0' }),
  'kid a lone surrogate': ({ pool, claims }) => sign(pool.key.privateKey, '{"alg":"RS256","kid":"\\ud800"}', claims),
  'kid of 128 characters': resigned({ kid: 'k'.repeat(128) }),
  'embedded jwk': embedded(({ key }) => ({ kid: key.kid, jwk: publicJwk(key) })),
  'embedded x5c': embedded(({ key }) => ({ kid: key.kid, x5c: [certificate(key)] })),
  jku: embedded(({ key, issuer }) => ({ kid: key.kid, jku: `${issuer}/.well-known/jwks.json` })),
  x5u: embedded(({ key, issuer }) => ({ kid: key.kid, x5u: `${issuer}/certificate.pem` }))
})

family('tokens that do not name their key', 'The token does not name its key', {
  'kid missing': resigned({ kid: undefined }),
  'kid empty': resigned({ kid: '' }),
  'kid null': resigned({ kid: null }),
  'kid a number': resigned({ kid: 1 }),
  'kid an array': ({ pool, claims }) => sign(pool.key.privateKey, pool.header({ kid: [pool.key.kid] }), claims),
  'kid an object': resigned({ kid: { toString: 'x' } }),
  'kid of 129 characters': resigned({ kid: 'k'.repeat(129) }),
  'kid of 4 kB': resigned({ kid: 'k'.repeat(4096) })
})

family('critical header parameters', 'The token has critical header parameters', {
  'unknown crit': resigned({ crit: ['https://example.com/unknown'], 'https://example.com/unknown': true }),
  'empty crit': resigned({ crit: [] }),
  'crit null': resigned({ crit: null }),
  'crit a string': resigned({ crit: 'exp' }),
  'crit of a standard name': resigned({ crit: ['alg'] }),
  'crit of a claim': resigned({ crit: ['exp'], exp: future }),
  'crit b64': resigned({ crit: ['b64'], b64: true }),
  'b64 false': resigned({ b64: false }),
  'b64 true': resigned({ b64: true })
})

family('headers that are no JSON', "The token's header is not JSON in UTF-8", {
  'half an object': resignedText('{"alg":"RS256"', undefined),
  'a byte order mark': ({ pool, header, claims }) => sign(pool.key.privateKey, `\ufeff${JSON.stringify(header)}`, claims),
  'not UTF-8': ({ pool, claims }) => sign(pool.key.privateKey, Buffer.from(`{"alg":"RS256","kid":"${pool.key.kid}","typ":"\xff"}`, 'latin1'), claims)
})

family('headers that are no object', "The token's header is not a JSON object", {
  null: resignedText('null', undefined),
  'an array': resignedText('["RS256"]', undefined),
  'a string': resignedText('"RS256"', undefined),
  'a number': resignedText('1', undefined)
})

family('payloads that are no JSON', "The token's payload is not JSON in UTF-8", {
  'half an object': resignedText(undefined, '{"sub":'),
  'a byte order mark': ({ pool, header, claims }) => sign(pool.key.privateKey, header, `\ufeff${JSON.stringify(claims)}`),
  'two objects': ({ pool, header, claims }) => sign(pool.key.privateKey, header, JSON.stringify(claims).repeat(2)),
  'not UTF-8': ({ pool, header, claims }) => sign(pool.key.privateKey, header, Buffer.from(JSON.stringify({ ...claims, email: '\xff' }), 'latin1'))
})

family('payloads that are no object', "The token's payload is not a JSON object", {
  null: resignedText(undefined, 'null'),
  'an array': ({ pool, header, claims }) => sign(pool.key.privateKey, header, [claims]),
  'a string': ({ pool, header, claims }) => sign(pool.key.privateKey, header, JSON.stringify(JSON.stringify(claims))),
  'a number': resignedText(undefined, '1e3')
})

family('tokens without an expiry time that makes sense', 'The token has no sensible expiry time', {
  'exp missing': resigned({}, { exp: undefined }),
  'exp null': resigned({}, { exp: null }),
  'exp a string': resigned({}, { exp: `${future}` }),
  'exp an array': resigned({}, { exp: [future] }),
  'exp true': resigned({}, { exp: true }),
  'exp 1e308': resigned({}, { exp: 1e308 }),
  'exp infinite': ({ pool, header, claims }) => sign(pool.key.privateKey, header, JSON.stringify(claims).replace(/"exp":\d+/, '"exp":1e999'))
})

family('tokens of the future', 'The token is not valid yet', {
  'nbf ahead': resigned({}, { nbf: future }),
  'nbf null': resigned({}, { nbf: null }),
  'nbf a string': resigned({}, { nbf: '0' }),
  'nbf an array': resigned({}, { nbf: [0] })
})

family('tokens of other issuers', 'The token is from another issuer', {
  'iss prefixed': ({ pool, header, claims }) => sign(pool.key.privateKey, header, { ...claims, iss: `x${pool.issuer}` }),
  'iss suffixed': ({ pool, header, claims }) => sign(pool.key.privateKey, header, { ...claims, iss: `${pool.issuer}x` }),
  'iss with a trailing slash': ({ pool, header, claims }) => sign(pool.key.privateKey, header, { ...claims, iss: `${pool.issuer}/` }),
  'iss with a NUL': ({ pool, header, claims }) => sign(pool.key.privateKey, header, { ...claims, iss: `${pool.issuer}\0` }),
  'iss in another case': ({ pool, header, claims }) => sign(pool.key.privateKey, header, { ...claims, iss: pool.issuer.toUpperCase() }),
  'iss the endpoint': ({ pool, header, claims }) => sign(pool.key.privateKey, header, { ...claims, iss: pool.endpoint }),
  'iss of another pool': ({ pool, header, claims }) => sign(pool.key.privateKey, header, { ...claims, iss: `${pool.endpoint}/eu-west-1_Other0001` }),
  'iss empty': resigned({}, { iss: '' }),
  "the forger's own, with keys to fetch": ({ forger }) => forger.idToken()
})

family('tokens that do not name their issuer', 'The token does not name its issuer', {
  'iss missing': resigned({}, { iss: undefined }),
  'iss null': resigned({}, { iss: null }),
  'iss an array': ({ pool, header, claims }) => sign(pool.key.privateKey, header, { ...claims, iss: [pool.issuer] })
})

family('id tokens of other app clients', 'The token was issued to another app client', {
  'aud missing': resigned({}, { aud: undefined }),
  'aud null': resigned({}, { aud: null }),
  'aud empty': resigned({}, { aud: '' }),
  'aud another': resigned({}, { aud: 'client2' }),
  'aud prefixed': resigned({}, { aud: 'xclient1' }),
  'aud suffixed': resigned({}, { aud: 'client11' }),
  'aud in another case': resigned({}, { aud: 'CLIENT1' }),
  'aud an array': resigned({}, { aud: ['client1'] }),
  'aud all clients at once': resigned({}, { aud: 'client1,client2' }),
  'client_id for aud': resigned({}, { aud: undefined, client_id: 'client1' })
})

family('access tokens of other app clients', 'The token was issued to another app client', {
  'client_id missing': resigned({}, { client_id: undefined }),
  'client_id another': resigned({}, { client_id: 'client2' }),
  'client_id an array': resigned({}, { client_id: ['client1'] }),
  'aud for client_id': resigned({}, { client_id: undefined, aud: 'client1' }),
  'aud ours, client_id another': resigned({}, { client_id: 'client2', aud: 'client1' }),
  'token_use id': resigned({}, { token_use: 'id' })
}, 'access')

family('other kinds of token', 'The token is neither an id token nor an access token', {
  'token_use missing': resigned({}, { token_use: undefined }),
  'token_use null': resigned({}, { token_use: null }),
  'token_use refresh': resigned({}, { token_use: 'refresh' }),
  'token_use an array': resigned({}, { token_use: ['id'] }),
  'token_use ID': resigned({}, { token_use: 'ID' }),
  'token_use with a space': resigned({}, { token_use: 'id ' })
})

family('tokens that do not name their subject', 'The token does not name its subject', {
  'sub missing': resigned({}, { sub: undefined }),
  'sub null': resigned({}, { sub: null }),
  'sub empty': resigned({}, { sub: '' }),
  'sub a number': resigned({}, { sub: 1 }),
  'sub an array': ({ pool, header, claims }) => sign(pool.key.privateKey, header, { ...claims, sub: [claims.sub] }),
  'sub with a NUL': resigned({}, { sub: 'a\0' }),
  'sub a lone surrogate': ({ pool, header, claims }) => sign(pool.key.privateKey, header, JSON.stringify({ ...claims, sub: 'x' }).replace('"sub":"x"', '"sub":"\\ud800"')),
  'sub of 256 characters': resigned({}, { sub: 's'.repeat(256) })
})

function family (what: string, says: string, forgeries: Record<string, Forge>, use: 'id' | 'access' = 'id'): void {
  families.push({ what, says, forgeries, use })
}

/** Creates a valid token and the material of an attacker. */
export function loot (pool: UserPool, forger: UserPool, use: 'id' | 'access'): Loot & { good: string } {
  const header = pool.header()
  const claims = use === 'id' ? pool.idClaims() : pool.accessClaims()
  const good = sign(pool.key.privateKey, header, claims)
  const [head = '', body = '', signature = ''] = good.split('.')
  return { pool, header, claims, good, head, body, signature, forger }
}

/** The valid token with changes, signed by the pool. */
function resigned (header: Record<string, unknown>, claims: Record<string, unknown> = {}, algorithm?: string): Forge {
  return loot => sign(loot.pool.key.privateKey, { ...loot.header, ...header }, { ...loot.claims, ...claims }, algorithm)
}

function resignedText (header: string | undefined, payload: string | undefined): Forge {
  return loot => sign(loot.pool.key.privateKey, header ?? loot.header, payload ?? loot.claims)
}

/** A token that the attacker signed, with the address of the attacker's key in its header. */
function embedded (parameters: (forger: UserPool) => Record<string, unknown>): Forge {
  return ({ header, claims, forger }) => sign(forger.key.privateKey, { ...header, ...parameters(forger) }, claims)
}

function resealed ({ head, body, signature }: Loot, change: (signature: Buffer) => Buffer): string {
  return `${head}.${body}.${change(Buffer.from(signature, 'base64url')).toString('base64url')}`
}

function compact ({ header, claims }: Loot, changes: Record<string, unknown>, signInput: (input: Buffer) => Buffer): string {
  const input = `${encode({ ...header, ...changes })}.${encode(claims)}`
  return `${input}.${signInput(Buffer.from(input)).toString('base64url')}`
}

function unsigned ({ header, body }: Loot, alg: string): string {
  return `${encode({ ...header, alg })}.${body}.`
}

/** The public key as the secret of a MAC, in several encodings. */
function hmacs (alg: string, hash: string): Record<string, Forge> {
  const secrets: Record<string, (key: TestKey) => string | Buffer> = {
    PEM: publicPem,
    'trimmed PEM': key => publicPem(key).trim(),
    'prefixed PEM': key => `\n${publicPem(key)}`,
    'PKCS #1 PEM': ({ publicKey }) => publicKey.export({ type: 'pkcs1', format: 'pem' }),
    DER: ({ publicKey }) => publicKey.export({ type: 'spki', format: 'der' }),
    modulus: ({ publicKey }) => Buffer.from(publicKey.export({ format: 'jwk' }).n ?? '', 'base64url'),
    'modulus in base64url': ({ publicKey }) => publicKey.export({ format: 'jwk' }).n ?? '',
    'JWK text': key => JSON.stringify(publicJwk(key)),
    'JWK set text': key => JSON.stringify({ keys: [publicJwk(key)] }),
    'empty key': () => ''
  }
  return Object.fromEntries(Object.entries(secrets).map(([name, secret]): [string, Forge] => {
    return [`${alg} with ${name}`, loot => compact(loot, { alg }, input => hmac(hash, secret(loot.pool.key), input))]
  }))
}

function hmac (hash: string, secret: string | Buffer, input: Buffer): Buffer {
  return createHmac(hash, secret).update(input).digest()
}

function publicPem ({ publicKey }: TestKey): string {
  return publicKey.export({ type: 'spki', format: 'pem' }).toString()
}

function pss (input: Buffer, key: KeyObject): Buffer {
  return signBytes('sha256', input, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 })
}

const { privateKey: ecKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const { privateKey: edKey } = generateKeyPairSync('ed25519')

function flip (bytes: Buffer, at: number): Buffer {
  return bytes.fill((bytes[at] ?? 0) ^ 1, at, at + 1)
}

/**
 * The same 256 bytes: two base64url characters at the end, the last of which has four bits that encode
 * nothing.
 */
function respell (signature: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const respelt = signature.slice(0, -1) + alphabet[alphabet.indexOf(signature.slice(-1)) + 1]
  if (!Buffer.from(respelt, 'base64url').equals(Buffer.from(signature, 'base64url'))) throw new Error('not the same bytes')
  return respelt
}

/** A JWE (RFC 7516) that only the pool could decrypt. */
function encrypt ({ pool, header }: Loot, text: string): string {
  const [key, iv] = [randomBytes(32), randomBytes(12)]
  const head = encode({ ...header, alg: 'RSA-OAEP', enc: 'A256GCM', cty: 'JWT' })
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(head))
  const encrypted = Buffer.concat([cipher.update(text), cipher.final()])
  return [head, ...[publicEncrypt(pool.key.publicKey, key), iv, encrypted, cipher.getAuthTag()].map(encode)].join('.')
}

/** A minimal self-signed X.509 certificate for `x5c`. */
function certificate ({ publicKey, privateKey }: TestKey): string {
  const sha256WithRsa = Buffer.from('300d06092a864886f70d01010b0500', 'hex')
  const name = der(0x30)
  const validity = der(0x30, der(0x17, Buffer.from('250101000000Z')), der(0x17, Buffer.from('491231235959Z')))
  const content = der(0x30, der(0x02, Buffer.of(1)), sha256WithRsa, name, validity, name, publicKey.export({ type: 'spki', format: 'der' }))
  const raw = der(0x30, content, sha256WithRsa, der(0x03, Buffer.alloc(1), signBytes('sha256', content, privateKey)))
  if (!new X509Certificate(raw).verify(publicKey)) throw new Error('not a certificate')
  return raw.toString('base64')
}

function der (tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents)
  const length = content.length < 128 ? Buffer.of(content.length) : Buffer.of(0x82, content.length >> 8, content.length & 255)
  return Buffer.concat([Buffer.of(tag), length, content])
}
