// get-jwks fetches, but it hands out one key at a time and has no limits: no time-out, no size, any redirect. Here it
// runs over a transport that has them, and that keeps the body it reads, because the key store wants the whole set.

import buildGetJwks from 'get-jwks'
import { Agent, type Dispatcher } from 'undici'
import { isKeySet } from './key-set.ts'

const timeout = 3_000
const maxBytes = 256 * 1024
// No key has this id. Whether a set arrived is seen below; what get-jwks makes of it, a null among its keys say, is no matter.
const noKid = ''

const agent = new Agent({ maxResponseSize: maxBytes, connect: { timeout }, pipelining: 0 })

/**
 * Fetches the text of the JWK set at `uri`; given up after 3 s or 256 kB, on a redirect, and on what is not a JSON set of keys.
 * @throws {Error} with the reason as its message or its cause
 */
export async function fetchKeySet (uri: string, signal: AbortSignal): Promise<string> {
  const { origin, pathname, search } = new URL(uri)
  const answer: Answer = { chunks: [], status: 0, complete: false }
  const getJwks = buildGetJwks({
    // get-jwks takes an empty path for none.
    jwksPath: `.${pathname}${search}`,
    fetchOptions: {
      dispatcher: agent.compose(keepAnswer(answer)),
      headers: { accept: 'application/json', 'accept-encoding': 'identity' },
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeout)])
    }
  })
  try {
    await getJwks.getJwk({ domain: origin, alg: 'RS256', kid: noKid })
  } catch (error) {
    if (answer.status >= 400 && answer.status < 500) throw new KeySetRefusedError(answer.status, error)
    if (answer.status !== 200 || !answer.complete || !isKeySet(Buffer.concat(answer.chunks).toString())) throw error
  }
  return Buffer.concat(answer.chunks).toString()
}

/** The key server says that it has no such key set for us. */
export class KeySetRefusedError extends Error {
  constructor (status: number, cause: unknown) {
    super(`the key server answered ${status}`, { cause })
  }
}

interface Answer {
  chunks: Buffer[]
  status: number
  complete: boolean
}

function keepAnswer (answer: Answer): Dispatcher.DispatcherComposeInterceptor {
  return dispatch => (options, handler) => dispatch(options, {
    onRequestStart: (...args) => handler.onRequestStart?.(...args),
    onRequestUpgrade: (...args) => handler.onRequestUpgrade?.(...args),
    onResponseStart: (controller, status, headers, message) => {
      // 256 kB of gzip can be 256 MB of JSON.
      if ((headers['content-encoding'] ?? 'identity') !== 'identity') throw new Error('the key set came compressed, unasked')
      answer.status = status
      handler.onResponseStart?.(controller, status, headers, message)
    },
    onResponseData: (controller, chunk) => {
      answer.chunks.push(chunk)
      handler.onResponseData?.(controller, chunk)
    },
    onResponseEnd: (...args) => {
      answer.complete = true
      handler.onResponseEnd?.(...args)
    },
    onResponseError: (...args) => handler.onResponseError?.(...args)
  })
}
