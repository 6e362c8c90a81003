import { readdir } from 'node:fs/promises'
import { sql } from 'kysely'
import { Migrator, type Migration, type MigrationProvider } from 'kysely/migration'
import type { DatabaseHandle } from './handle.ts'
import type { Database } from './tables.ts'

const folder = new URL('../../migrations/', import.meta.url)

/**
 * Applies the pending migrations, under the migrator's lock.
 * @returns the names of the migrations that it applied
 * @throws {Error} the failure of a migration, which is rolled back
 */
export async function migrateToLatest (database: DatabaseHandle): Promise<string[]> {
  const { error, results = [] } = await database.withoutTimeLimits(db => migrator(db).migrateToLatest())
  if (error !== undefined) throw error
  return results.map(result => result.migrationName)
}

/** The names of the migrations that the database lacks. */
export async function listPendingMigrations (db: Database): Promise<string[]> {
  const migrations = await migrator(db).getMigrations()
  return migrations.filter(migration => migration.executedAt === undefined).map(migration => migration.name)
}

/**
 * The names of this version's migrations that are not applied, in a database that was migrated before. It is one small query,
 * and the folder is read once per process. Unknown migrations, which a newer version applied, are ignored.
 */
export async function listUnappliedMigrations (db: Database): Promise<string[]> {
  fileNames ??= readFileNames()
  const [names, { rows }] = await Promise.all([fileNames, sql<{ name: string }>`select name from kysely_migration`.execute(db)])
  const applied = new Set(rows.map(({ name }) => name))
  return names.map(withoutExtension).filter(name => !applied.has(name))
}

let fileNames: Promise<string[]> | undefined

async function readFileNames (): Promise<string[]> {
  return (await readdir(folder)).filter(name => /^\d.*\.(ts|js)$/.test(name)).sort()
}

function withoutExtension (name: string): string {
  return name.replace(/\.\w+$/, '')
}

function migrator (db: Database): Migrator {
  return new Migrator({ db, provider })
}

const provider: MigrationProvider = {
  async getMigrations () {
    const migrations = (await readFileNames()).map(async (name): Promise<[string, Migration]> => {
      return [withoutExtension(name), await import(new URL(name, folder).href)]
    })
    return Object.fromEntries(await Promise.all(migrations))
  }
}
