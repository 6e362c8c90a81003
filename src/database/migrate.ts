import { sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import type { DatabaseHandle } from './handle.ts'
import { importMigrations, listMigrationNames } from './migration-files.ts'
import { limitLockWait, lockMigrations, retryAfterLockTimeout } from './postgres/migration-lock.ts'
import type { Database } from './tables.ts'
import { inTransaction } from './transaction.ts'

export interface MigrationResult {
  /** The names of the migrations that were applied now. */
  applied: string[]
  /** The names of applied migrations that this version does not have. A newer version applied them. */
  unknown: string[]
}

/**
 * Applies the pending migrations in one transaction. Where none is pending, it takes no lock. Unknown
 * migrations are tolerated, so that the previous version runs after a rollback, and beside the new one.
 * @param onWait called once when a lock is not free; the wait has no limit
 * @throws {Error} the failure of a migration, which is rolled back
 */
export async function migrateToLatest (database: DatabaseHandle, onWait = () => {}): Promise<MigrationResult> {
  return database.withoutTimeLimits(db => retryAfterLockTimeout(() => migrate(db, database.isSqlite), onWait))
}

/**
 * The names of this version's migrations that are not applied. The database may be empty.
 * @throws {Error} where the database belongs to another application
 */
export async function listPendingMigrations (db: Database): Promise<string[]> {
  return (await readMigrationState(db)).pending
}

/**
 * The same for a database that was migrated before. It is one small query, and fails without the migrator's
 * table. Unknown migrations are ignored.
 */
export async function listUnappliedMigrations (db: Database): Promise<string[]> {
  return compare(await listMigrationNames(), await listAppliedMigrations(db)).pending
}

async function migrate (db: Database, isSqlite: boolean): Promise<MigrationResult> {
  const { pending, unknown } = isSqlite
    ? await readMigrationState(db, true)
    : await inTransaction(db, async transaction => {
      await limitLockWait(transaction)
      return readMigrationState(transaction)
    })
  if (pending.length === 0) return { applied: [], unknown }
  const applied = await inTransaction(db, async transaction => {
    if (!isSqlite) await lockMigrations(transaction)
    return applyPending(transaction)
  })
  return { applied, unknown }
}

async function applyPending (transaction: Database): Promise<string[]> {
  const migrator = new Migrator({
    db: transaction,
    // A newer version may have applied migrations with later names than a pending one, such as that of a
    // hotfix.
    allowUnorderedMigrations: true,
    provider: { getMigrations: async () => ({ ...await standIns(transaction), ...await importMigrations() }) }
  })
  const { error, results = [] } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
  return results.map(result => result.migrationName)
}

/**
 * Empty migrations in place of the applied ones: Kysely rejects a database with a migration that it does not
 * know.
 */
async function standIns (transaction: Database): Promise<Record<string, { up (): Promise<void> }>> {
  const names = await listAppliedMigrations(transaction)
  return Object.fromEntries(names.map(name => [name, { up: async () => {} }]))
}

/**
 * @param isOwnDatabase whether tables of other applications are an error: an SQLite file belongs to one
 * application
 */
async function readMigrationState (db: Database, isOwnDatabase = false): Promise<{ pending: string[], unknown: string[] }> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true })
  const isMigrated = tables.some(({ name }) => name === 'kysely_migration')
  const applied = isMigrated ? await listAppliedMigrations(db) : []
  const names = await listMigrationNames()
  const isForeign = applied.length > 0 ? !names.some(name => applied.includes(name)) : isOwnDatabase && !isMigrated && tables.length > 0
  if (isForeign) throw new Error(`the database belongs to another application; its tables: ${tables.map(({ name }) => name).join(', ')}`)
  return compare(names, applied)
}

function compare (names: string[], applied: string[]): { pending: string[], unknown: string[] } {
  return {
    pending: names.filter(name => !applied.includes(name)),
    unknown: applied.filter(name => !names.includes(name))
  }
}

async function listAppliedMigrations (db: Database): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db)
  return rows.map(({ name }) => name)
}
