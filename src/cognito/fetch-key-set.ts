// get-jwks fetches, but it hands out one key at a time and has no limits: no time-out, no size, any redirect. Here it
// runs over a transport that has them, and that keeps the body it reads, because the key store wants the whole set.

import buildGetJwks from 'get-jwks'
import { Agent, type Dispatcher } from 'undici'

const timeout = 3_000
const maxBytes = 256 * 1024
// No key has this id, so a set that arrived is told by "no such key in it".
const noKid = ''

const agent = new Agent({ maxResponseSize: maxBytes, connect: { timeout }, pipelining: 0 })

/**
 * Fetches the text of the JWK set at `uri`; given up after 3 s or 256 kB, on a redirect, and on what is not a JSON set of keys.
 * @throws {Error} with the reason as its message or its cause
 */
export async function fetchKeySet (uri: string, signal: AbortSignal): Promise<string> {
  const { origin, pathname, search } = new URL(uri)
  const chunks: Buffer[] = []
  const getJwks = buildGetJwks({
    jwksPath: pathname + search,
    fetchOptions: {
      dispatcher: agent.compose(keepBody(chunks)),
      headers: { accept: 'application/json', 'accept-encoding': 'identity' },
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeout)])
    }
  })
  try {
    await getJwks.getJwk({ domain: origin, alg: 'RS256', kid: noKid })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'JWK_NOT_FOUND')) throw error
  }
  return Buffer.concat(chunks).toString()
}

function keepBody (chunks: Buffer[]): Dispatcher.DispatcherComposeInterceptor {
  return dispatch => (options, handler) => dispatch(options, {
    onRequestStart: (...args) => handler.onRequestStart?.(...args),
    onRequestUpgrade: (...args) => handler.onRequestUpgrade?.(...args),
    onResponseStart: (controller, status, headers, message) => {
      // 256 kB of gzip can be 256 MB of JSON.
      if (headers['content-encoding'] !== undefined) throw new Error('the key set came compressed, unasked')
      handler.onResponseStart?.(controller, status, headers, message)
    },
    onResponseData: (controller, chunk) => {
      chunks.push(chunk)
      handler.onResponseData?.(controller, chunk)
    },
    onResponseEnd: (...args) => handler.onResponseEnd?.(...args),
    onResponseError: (...args) => handler.onResponseError?.(...args)
  })
}
