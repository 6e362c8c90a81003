import { readDatabaseUrl } from '../config.ts'
import { migrateToLatest } from '../database/migrate.ts'
import { openDatabase } from '../database/open.ts'

if (process.argv.includes('--help')) {
  console.log('npm run migrate: applies the pending migrations to the database in DATABASE_URL. Several runs at once are safe.')
} else {
  try {
    const database = openDatabase(readDatabaseUrl(process.env))
    const applied = await migrateToLatest(database).finally(() => database.close())
    console.log(applied.length === 0 ? 'There are no pending migrations.' : applied.map(name => `Applied ${name}.`).join('\n'))
  } catch (error) {
    console.error(`The database was not migrated: ${error instanceof Error ? error.message : error}`)
    process.exitCode = 1
  }
}
