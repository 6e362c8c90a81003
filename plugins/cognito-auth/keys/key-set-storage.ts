import { setTimeout as wait } from 'node:timers/promises'

/** A key set as it was fetched. */
export interface StoredKeySet {
  /** The JWK set in JSON (RFC 7517). */
  jwks: string
  /** Milliseconds since the epoch. */
  fetchedAt: number
}

/**
 * Keeps the last good set of each issuer, so that a service can start while Cognito cannot be reached. A
 * writer of the storage can forge tokens. It is read on a cold start whose fetch failed, and given up after 3
 * s.
 */
export interface KeySetStorage {
  find (issuer: string): Promise<StoredKeySet | undefined>
  save (issuer: string, set: StoredKeySet): Promise<void>
}

const timeoutMs = 3_000

/** Reads the stored set of an issuer. Storage that hangs must not keep requests waiting. */
export async function findInTime (storage: KeySetStorage | undefined, issuer: string, signal: AbortSignal): Promise<StoredKeySet | undefined> {
  return Promise.race([storage?.find(issuer), tooLong(signal)])
}

async function tooLong (signal: AbortSignal): Promise<never> {
  await wait(timeoutMs, undefined, { signal, ref: false })
  throw new Error('the storage takes too long')
}
