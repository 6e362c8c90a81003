import { readdir } from 'node:fs/promises'
import { Migrator, type Migration, type MigrationProvider } from 'kysely/migration'
import { withoutTimeLimits } from './open.ts'
import type { Database } from './tables.ts'

const folder = new URL('../../migrations/', import.meta.url)

/**
 * Applies the migrations that are not applied yet, under the database's own lock.
 * @returns the names of those applied now
 * @throws {Error} the failure of a migration, which is rolled back
 */
export async function migrateToLatest (db: Database): Promise<string[]> {
  const { error, results = [] } = await withoutTimeLimits(db, db => migrator(db).migrateToLatest())
  if (error !== undefined) throw error
  return results.map(result => result.migrationName)
}

/** The names of the migrations that the database lacks. */
export async function listPendingMigrations (db: Database): Promise<string[]> {
  const migrations = await migrator(db).getMigrations()
  return migrations.filter(migration => migration.executedAt === undefined).map(migration => migration.name)
}

function migrator (db: Database): Migrator {
  return new Migrator({ db, provider })
}

const provider: MigrationProvider = {
  async getMigrations () {
    const names = (await readdir(folder)).filter(name => /^\d.*\.(ts|js)$/.test(name)).sort()
    const migrations = names.map(async (name): Promise<[string, Migration]> => [name.replace(/\.\w+$/, ''), await import(new URL(name, folder).href)])
    return Object.fromEntries(await Promise.all(migrations))
  }
}
