import type { Test } from 'tap'
import { keySetFetcher } from '../../../../plugins/cognito-auth/keys/fetch-key-set.ts'
import { listIssuers } from '../../../../plugins/cognito-auth/issuers.ts'
import type { SigningKey } from '../../../../plugins/cognito-auth/keys/key-set.ts'
import { KeyStore, type KeyStoreEvent, type KeyStoreOptions } from '../../../../plugins/cognito-auth/keys/key-store.ts'
import { startPool } from '../../../support/app.ts'
import type { UserPool } from '../../../support/user-pool.ts'

export interface TestKeyStore {
  pool: UserPool
  keyStore: KeyStore
  find: (kid: string) => Promise<SigningKey>
  /** The reason that a key id is refused for. */
  refusal: (kid: string) => Promise<string>
  events: KeyStoreEvent[]
}

/** A key store over a pool, fetching over the network when it is first asked; closed with the test. */
export async function startKeyStore (t: Test, { pool: ownPool, ...options }: Partial<KeyStoreOptions> & { pool?: UserPool } = {}): Promise<TestKeyStore> {
  const pool = ownPool ?? await startPool(t)
  const events: KeyStoreEvent[] = []
  const keyStore = new KeyStore({
    issuers: listIssuers({ userPoolIds: [pool.id], endpoint: pool.endpoint }),
    fetch: keySetFetcher({}),
    cacheTtlSeconds: 3600,
    allowDevelopmentKeys: false,
    onEvent: event => events.push(event),
    ...options
  })
  t.teardown(() => keyStore.close())
  const find = async (kid: string) => keyStore.find(pool.issuer, kid)
  return { pool, keyStore, find, refusal: kid => find(kid).then(() => 'none', error => error.reason), events }
}

/** The milliseconds between one fetch and the next. */
export function gaps ({ fetches }: UserPool): number[] {
  return fetches.slice(1).map((at, index) => at - (fetches[index] ?? 0))
}
