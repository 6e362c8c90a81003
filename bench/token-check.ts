// The time to check a new token, beside the time of `crypto.verify`, which is the least it can take.

import { verify } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import Fastify, { type FastifyRequest } from 'fastify'
import cognitoAuth from '../plugins/cognito-auth/index.ts'
import type { UserPool } from '../test/support/user-pool.ts'
import { median } from './median.ts'

const rounds = 7
const checksPerRound = 5_000

/**
 * Measures `crypto.verify`, and the guard of the plugin from the request header to the verified user.
 * The results are medians of interleaved rounds. The first round warms up.
 */
export async function measureTokenCheck (pool: UserPool): Promise<{ verifyUs: number, guardUs: number }> {
  const token = pool.idToken()
  const end = token.lastIndexOf('.')
  const [input, signature] = [Buffer.from(token.slice(0, end)), Buffer.from(token.slice(end + 1), 'base64url')]
  const verifyOnce = () => verify('RSA-SHA256', input, pool.key.publicKey, signature)

  const app = Fastify()
  await app.register(cognitoAuth, { userPoolId: pool.id, clientId: pool.clientId, endpoint: pool.endpoint, tokenCacheSize: 1 })
  const samplesUs = { verify: Array.from<number>([]), guard: Array.from<number>([]) }
  app.get('/', async (request, reply) => {
    // The cache holds one token, so each of these is new in its turn. `toString` makes one flat string, as
    // Node's parser does.
    const headers = Array.from({ length: 100 }, () => Buffer.from(`Bearer ${pool.idToken()}`).toString('latin1'))
    const guardOnce = (n: number) => app.authenticate(fresh(request, headers[n % headers.length] ?? ''), reply)
    for (let round = 0; round <= rounds; round++) {
      samplesUs.verify.push(await meanUs(verifyOnce))
      samplesUs.guard.push(await meanUs(guardOnce))
    }
  })
  await app.inject('/')
  await app.close()
  return { verifyUs: median(samplesUs.verify.slice(1)), guardUs: median(samplesUs.guard.slice(1)) }
}

/** The request before any hook ran, with another `Authorization` header. */
function fresh (request: FastifyRequest, authorization: string): FastifyRequest {
  return Object.create(request, { raw: { value: { rawHeaders: ['Authorization', authorization] } } })
}

/** The mean time of a call, each in its own turn of the event loop, as requests arrive. */
async function meanUs (once: (n: number) => unknown): Promise<number> {
  let ms = 0
  for (let n = 0; n < checksPerRound; n++) {
    await nextTurn()
    const startedAt = performance.now()
    await once(n)
    ms += performance.now() - startedAt
  }
  return ms * 1000 / checksPerRound
}
