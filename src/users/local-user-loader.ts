import { identityKey, type VerifiedUser } from '../../plugins/cognito-auth/verified-user.ts'
import { BatchLoader } from '../database/batch-loader.ts'
import type { DatabaseHandle } from '../database/handle.ts'
import type { Database } from '../database/tables.ts'
import { VersionedCache } from '../database/versioned-cache.ts'
import { findUsersWithSignOuts, type UserWithSignOut } from './identity-queries.ts'
import type { User } from './queries.ts'
import { findSignOut, type SignOut } from './sign-out-queries.ts'

/** The local user and the sign-out of a verified user. */
export interface LoadedUser {
  /** The local user that is bound to it. */
  user: User | undefined
  /** The sign-out of its identity, which an identity without a local user may have too. */
  signOut: SignOut | undefined
}

/** 10,000 users with ordinary names fit; a token may hold a much longer one. */
const maxCacheBytes = 8 * 2 ** 20

/**
 * Loads local users: concurrent loads share one query, and the results are cached until the database changes.
 */
export class LocalUserLoader {
  readonly #db: Database
  readonly #cache: VersionedCache<LoadedUser>
  readonly #batches: BatchLoader<VerifiedUser, UserWithSignOut | undefined>

  constructor (database: DatabaseHandle) {
    this.#db = database.db
    this.#cache = new VersionedCache<LoadedUser>(database, maxCacheBytes, sizeOf)
    this.#batches = new BatchLoader(users => loadBatch(database.db, users))
  }

  /** @param dataVersion the version of the database, as this request read it */
  async load (verified: VerifiedUser, dataVersion: number | undefined): Promise<LoadedUser> {
    return this.#cache.get(verified.key, dataVersion) ?? await this.#read(verified, dataVersion)
  }

  async #read (verified: VerifiedUser, dataVersion: number | undefined): Promise<LoadedUser> {
    const found = await this.#batches.load(verified.key, verified)
    const loaded = found ?? { user: undefined, signOut: await findSignOut(this.#db, verified) }
    this.#cache.set(verified.key, loaded, dataVersion)
    return loaded
  }
}

/** Loads the local user of a verified one in a transaction. */
export async function loadInTransaction (transaction: Database, verified: VerifiedUser): Promise<LoadedUser> {
  const { issuer, subject } = verified
  const [found] = await findUsersWithSignOuts(transaction, [{ issuer, subject }])
  return found ?? { user: undefined, signOut: await findSignOut(transaction, verified) }
}

async function loadBatch (db: Database, users: VerifiedUser[]): Promise<(UserWithSignOut | undefined)[]> {
  const rows = await findUsersWithSignOuts(db, users)
  const byIdentity = new Map(rows.map(row => [identityKey(row.user.issuer ?? '', row.user.sub ?? ''), row]))
  return users.map(user => byIdentity.get(user.key))
}

/** The bytes of an entry: 400 beside its texts, of up to two bytes a character. */
function sizeOf ({ user, signOut }: LoadedUser): number {
  const texts = [user?.username, user?.email, user?.issuer, user?.sub, user?.cognitoUsername, signOut?.originJti]
  return 400 + 2 * texts.reduce((sum, text) => sum + (text?.length ?? 0), 0)
}
