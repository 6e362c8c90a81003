import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import t from 'tap'
import cognitoAuth, { isCognitoAuthError } from '../../plugins/cognito-auth/index.ts'
import { startPool } from '../support/app.ts'
import { encode, makeKey, publicJwk, sign, type UserPool } from '../support/user-pool.ts'

// A failure prints its seed and path: give them to fc.assert, and that token is the first to run.
const runs = 100_000

/** A mutation of a token: its kind, its place and its data. */
interface Step { kind: number, at: number, to: number, value: unknown }

const step = fc.record<Step>({
  kind: fc.nat(999),
  at: fc.nat(),
  to: fc.nat(),
  value: fc.oneof(fc.constantFrom<unknown>('none', 'HS256', 'RS256', '', null, 0, -1, 1e308, [], {}, true, '__proto__', '\0', '\ud800', undefined), fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 1 }))
})
const recipe = fc.record({ start: fc.nat(), steps: fc.array(step, { minLength: 1, maxLength: 3 }) })

t.setTimeout(280_000)

t.test(`authenticate accepts only the unchanged ones of ${runs} mutated tokens, and rejects the others with a known code`, async t => {
  const pool = await startPool(t)
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(cognitoAuth, { userPoolId: pool.id, clientId: pool.clientId, endpoint: pool.endpoint })

  const good = [pool.idToken(), pool.idToken({ sub: 'another', 'cognito:groups': ['admin'] }), pool.accessToken()]
  const mutate = mutator(pool, good)
  const whole = new Set(good)
  const outcomes = new Map<string, number>()

  let failure: unknown
  // All tokens share one HTTP request, so that the run spends its time on tokens.
  app.get('/', async (request, reply) => {
    await fc.assert(fc.asyncProperty(recipe, async ({ start, steps }) => {
      const token = steps.reduce(mutate, pick(good, start))
      const outcome = await judge(request, reply, token)
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      // Leading spaces belong to the separator behind the scheme.
      if ((outcome === 'accepted') !== whole.has(token.replace(/^ +/, ''))) throw new Error(`${outcome}: ${token}`)
    }), { numRuns: runs }).catch(error => { failure = error })
  })

  async function judge (request: FastifyRequest, reply: FastifyReply, token: string): Promise<string> {
    const headers = ['Host', 'a', 'Authorization', `Bearer ${token}`]
    const fresh: FastifyRequest = Object.create(request, { raw: { value: { rawHeaders: headers } } })
    try {
      await app.authenticate(fresh, reply)
      return 'accepted'
    } catch (error) {
      if (!isCognitoAuthError(error) || error.statusCode !== 401) throw error
      if (!/^Bearer realm="api"(, error="invalid_token", error_description="[\w ':.-]+")?$/.test(`${error.headers['www-authenticate']}`)) throw new Error('not a challenge')
      return error.reason
    }
  }

  await app.inject('/')
  if (failure !== undefined) throw failure
  t.equal([...outcomes.values()].reduce((sum, count) => sum + count, 0), runs)
  t.comment([...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', '))
  for (const reached of ['malformed', 'algorithm', 'key_id', 'critical_header', 'issuer', 'unknown_key', 'signature']) t.ok(outcomes.has(reached), `${reached} was reached`)
})

function pick<Item> (items: readonly Item[], at: number): Item {
  const item = items[at % items.length]
  if (item === undefined) throw new Error('there is nothing to pick from')
  return item
}

function mutator (pool: UserPool, good: string[]): (token: string, step: Step) => string {
  const forger = makeKey()
  const { publicKey } = pool.key
  const secrets = [publicKey.export({ type: 'spki', format: 'pem' }), publicKey.export({ type: 'spki', format: 'der' }), publicKey.export({ type: 'pkcs1', format: 'pem' }), JSON.stringify(publicJwk(pool.key)), pool.key.kid, '', pool.clientId]
  const expired = pool.idToken({ exp: 1 })
  const foreign = sign(forger.privateKey, pool.header(), pool.idClaims())
  const others = [...good, expired, foreign]
  const members = ['alg', 'kid', 'typ', 'crit', 'b64', 'jwk', 'jku', 'x5u', 'x5c', 'zip', 'iss', 'sub', 'aud', 'client_id', 'token_use', 'exp', 'nbf', 'cognito:groups', '__proto__']
  const noise = ['=', '==', '+', '/', ' ', '\t', '%2e', '%00', '.', '..', ',', ';', '"', '\\', '\u00a0', '\u00e9', 'A', '-', '_', 'Bearer ']

  const parts = (token: string) => { const [head = '', body = '', signature = '', ...more] = token.split('.'); return [head, body, signature, ...more] }
  const put = (token: string, at: number, change: (part: string) => string) => { const all = parts(token); const index = at % all.length; all[index] = change(all[index] ?? ''); return all.join('.') }
  const json = (part: string): Record<string, unknown> => { try { return Object(JSON.parse(Buffer.from(part, 'base64url').toString())) } catch { return {} } }

  const changes: ((token: string, step: Step) => string)[] = [
    // Flips a bit of a segment, replaces a character, or removes, doubles or moves a part.
    (token, { at, to }) => put(token, at, part => { const bytes = Buffer.from(part, 'base64url'); if (bytes.length > 0) bytes[to % bytes.length] = (bytes[to % bytes.length] ?? 0) ^ (1 << (at % 8)); return bytes.toString('base64url') }),
    (token, { at, to }) => token.slice(0, at % token.length) + pick([...'ABCXYZabcxyz0189-_'], to) + token.slice(at % token.length + 1),
    (token, { at, to }) => token.slice(0, at % (token.length + 1)) + token.slice(to % (token.length + 1)),
    (token, { at, to }) => token.slice(0, at % (token.length + 1)) + pick(noise, to) + token.slice(at % (token.length + 1)),
    // Combines segments of several tokens, or joins two truncated tokens.
    (token, { at, to }) => put(token, to, () => pick(parts(pick(others, at)), to)),
    (token, { at, to }) => token.slice(0, to % (token.length + 1)) + pick(others, at).slice(to % (token.length + 1)),
    (token, { at }) => parts(token).map((_, index, all) => all[(index + at) % all.length]).join('.'),
    // Encodes the same bytes in another way.
    (token, { at }) => put(token, at, part => Buffer.from(part, 'base64url').toString('base64')),
    (token, { at, to }) => put(token, at, part => part.slice(0, -1) + pick([...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'], to)),
    (token, { at }) => put(token, at, part => Buffer.from(` ${Buffer.from(part, 'base64url')}`).toString('base64url')),
    // Changes a member of the header or the payload, and keeps the signature or adds a MAC with a public
    // secret.
    (token, { at, to, value }) => put(token, to % 2, part => encode({ ...json(part), [pick(members, at)]: value })),
    (token, { at, to, value }) => put(token, to % 2, part => Buffer.from(JSON.stringify(json(part)).replace(/\}$/, `,${JSON.stringify(pick(members, at))}:${JSON.stringify(value) ?? 1}}`)).toString('base64url')),
    (token, { at, to }) => {
      const [head = '', body = ''] = parts(token)
      const alg = pick(['HS256', 'HS384', 'HS512', 'RS256', 'none'], to)
      const input = `${encode({ ...json(head), alg })}.${body}`
      return `${input}.${createHmac('sha256', pick(secrets, at)).update(input).digest('base64url')}`
    }
  ]

  return (token, step) => {
    // Signs a mutated token with the attacker's key. Rare, because signing is slower than all other
    // mutations.
    if (step.kind % 50 === 49) {
      const [head = '', body = ''] = parts(token)
      return sign(forger.privateKey, { ...json(head), jwk: publicJwk(forger) }, json(body))
    }
    return token === '' ? pick(others, step.at) : pick(changes, step.kind)(token, step)
  }
}
