// What the check of a token costs by itself, beside the least that it can cost: the signature alone.

import { verify } from 'node:crypto'
import { setImmediate as turnEnds } from 'node:timers/promises'
import Fastify, { type FastifyRequest } from 'fastify'
import cognitoAuth from '../plugins/cognito-auth/index.ts'
import type { UserPool } from '../test/support/user-pool.ts'
import { median } from './median.ts'

const rounds = 7
const perRound = 5_000

/** Microseconds a token, medians of interleaved rounds: of `crypto.verify`, and of the plugin's guard from the header of the request to its verified user. */
export async function timeTokenCheck (pool: UserPool): Promise<{ verify: number, guard: number }> {
  const token = pool.idToken()
  const end = token.lastIndexOf('.')
  const [input, signature] = [Buffer.from(token.slice(0, end)), Buffer.from(token.slice(end + 1), 'base64url')]
  const verifyOnce = () => verify('RSA-SHA256', input, pool.key.publicKey, signature)

  const app = Fastify()
  await app.register(cognitoAuth, { userPoolId: pool.id, clientId: pool.clientId, endpoint: pool.endpoint, tokenCacheSize: 1 })
  const times = { verify: Array.from<number>([]), guard: Array.from<number>([]) }
  app.get('/', async (request, reply) => {
    // More than are remembered: in rotation, each is new. In one piece in memory, as Node makes a header.
    const headers = Array.from({ length: 100 }, () => Buffer.from(`Bearer ${pool.idToken()}`).toString('latin1'))
    const guardOnce = (n: number) => app.authenticate(fresh(request, headers[n % headers.length] ?? ''), reply)
    for (let round = 0; round <= rounds; round++) {
      times.verify.push(await time(verifyOnce))
      times.guard.push(await time(guardOnce))
    }
  })
  await app.inject('/')
  await app.close()
  return { verify: median(times.verify.slice(1)), guard: median(times.guard.slice(1)) }
}

/** The request as it was before anything had looked at it, with another `Authorization`. */
function fresh (request: FastifyRequest, authorization: string): FastifyRequest {
  return Object.create(request, { raw: { value: { rawHeaders: ['Authorization', authorization] } } })
}

/** Each in a turn of the event loop, as requests come. */
async function time (once: (n: number) => unknown): Promise<number> {
  let ms = 0
  for (let n = 0; n < perRound; n++) {
    await turnEnds()
    const begun = performance.now()
    await once(n)
    ms += performance.now() - begun
  }
  return ms * 1000 / perRound
}
