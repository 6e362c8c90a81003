import { readDatabaseUrl } from '../config.ts'
import { migrateToLatest } from '../database/migrate.ts'
import { openDatabase } from '../database/open.ts'

if (process.argv.includes('--help')) {
  console.log('npm run migrate: applies the migrations that the database at DATABASE_URL lacks. Several at once are safe.')
} else {
  try {
    const db = openDatabase(readDatabaseUrl(process.env))
    const applied = await migrateToLatest(db).finally(() => db.destroy())
    console.log(applied.length === 0 ? 'Nothing to migrate.' : applied.map(name => `Applied ${name}.`).join('\n'))
  } catch (error) {
    console.error(`The database was not migrated: ${error instanceof Error ? error.message : error}`)
    process.exitCode = 1
  }
}
