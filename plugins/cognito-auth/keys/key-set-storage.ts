import { setTimeout as wait } from 'node:timers/promises'

/** A set as it was fetched; `fetchedAt` in milliseconds since the epoch. */
export interface StoredKeySet { jwks: string, fetchedAt: number }

/** Keeps the last good set of an issuer for the next start. */
export interface KeySetStorage {
  find (issuer: string): Promise<StoredKeySet | undefined>
  save (issuer: string, set: StoredKeySet): Promise<void>
}

/** How long keys that are stored are waited for, in milliseconds. */
const timeout = 3_000

/** The set that is stored of an issuer. Storage that hangs must not keep requests waiting. */
export async function findInTime (storage: KeySetStorage | undefined, issuer: string, signal: AbortSignal): Promise<StoredKeySet | undefined> {
  return Promise.race([storage?.find(issuer), tooLong(signal)])
}

async function tooLong (signal: AbortSignal): Promise<never> {
  await wait(timeout, undefined, { signal, ref: false })
  throw new Error('the storage takes too long')
}
