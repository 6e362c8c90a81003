import buildGetJwks from 'get-jwks'
import { EnvHttpProxyAgent, type Dispatcher } from 'undici'
import { isKeySet } from './key-set.ts'
import { keepResponse, type KeptResponse } from './keep-response.ts'

/**
 * Fetches the text of the JWK set at `uri`.
 * @throws {Error} with the reason as its message or its cause
 */
export type FetchKeySet = (uri: string, signal: AbortSignal) => Promise<string>

/** How a key set is fetched: by a dispatcher of undici, or by a function like the global `fetch`. */
export interface FetchOptions {
  dispatcher?: Dispatcher | undefined
  fetch?: ((uri: string, init: RequestInit) => Promise<Response>) | undefined
}

/** A fetch ends after this time, whatever the key server does. */
const timeoutMs = 3_000
/** The largest key set; a pool has two keys, of 400 bytes each. */
export const maxKeySetBytes = 256 * 1024
const headers = { accept: 'application/json', 'accept-encoding': 'identity' }

/**
 * Makes a fetcher of key sets. It follows no redirect, and gives up after 3 s or 256 kB, on compressed
 * responses, and on what is not a JWK set. By default it honours `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.
 */
export function keySetFetcher ({ dispatcher, fetch }: FetchOptions): FetchKeySet {
  if (fetch !== undefined) return (uri, signal) => fetchWith(fetch, uri, signal)
  const agent = dispatcher ?? new EnvHttpProxyAgent({ maxResponseSize: maxKeySetBytes, connect: { timeout: timeoutMs }, pipelining: 0 })
  return (uri, signal) => fetchByGetJwks(agent, uri, signal)
}

/** The key server answered that it has no such key set. */
export class KeySetRefusedError extends Error {
  constructor (status: number, cause?: unknown) {
    super(`the key server answered ${status}`, { cause })
  }
}

// get-jwks returns one key of a set and has no limits of its own, and the key store needs the whole set. So
// its requests go through a dispatcher that has the limits and keeps the body, and the key that get-jwks
// looks for does not matter.
async function fetchByGetJwks (agent: Dispatcher, uri: string, signal: AbortSignal): Promise<string> {
  const { origin, pathname, search } = new URL(uri)
  const kept: KeptResponse = { chunks: [], bytes: 0, status: 0, complete: false }
  const { getJwk } = buildGetJwks({
    // get-jwks takes an empty path for none.
    jwksPath: `.${pathname}${search}`,
    fetchOptions: { dispatcher: agent.compose(keepResponse(kept, maxKeySetBytes)), headers, redirect: 'error', signal: limit(signal) }
  })
  try {
    await getJwk({ domain: origin, alg: 'RS256', kid: '' })
  } catch (error) {
    if (kept.status >= 400 && kept.status < 500) throw new KeySetRefusedError(kept.status, error)
    if (kept.status !== 200 || !kept.complete || !isKeySet(textOf(kept.chunks))) throw error
  }
  return textOf(kept.chunks)
}

async function fetchWith (fetch: NonNullable<FetchOptions['fetch']>, uri: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(uri, { headers, redirect: 'error', signal: limit(signal) })
  if (response.status >= 400 && response.status < 500) throw new KeySetRefusedError(response.status)
  if (response.status !== 200) throw new Error(`the key server answered ${response.status}`)
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > maxKeySetBytes) throw new Error('the key set is longer than 256 kB')
    chunks.push(chunk)
  }
  const text = textOf(chunks)
  if (!isKeySet(text)) throw new Error('the response is not a JWK set')
  return text
}

function limit (signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
}

function textOf (chunks: Uint8Array[]): string {
  return Buffer.concat(chunks).toString()
}
