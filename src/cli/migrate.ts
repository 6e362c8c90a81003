import { readDatabaseUrl } from '../config.ts'
import { migrateToLatest } from '../database/migrate.ts'
import { openDatabase } from '../database/open.ts'

if (process.argv.includes('--help')) {
  console.log('npm run migrate: applies the pending migrations to the database in DATABASE_URL. Several runs at once are safe.')
} else {
  try {
    const database = openDatabase(readDatabaseUrl(process.env))
    const onWait = () => console.error('Waiting for a lock of the database.')
    const { applied, unknown } = await migrateToLatest(database, onWait).finally(() => database.close())
    for (const name of applied) console.log(`Applied ${name}.`)
    if (applied.length === 0) console.log('There are no pending migrations.')
    for (const name of unknown) console.log(`The database has ${name} of a newer version.`)
  } catch (error) {
    console.error(`The database was not migrated: ${error instanceof Error ? error.message : error}`)
    process.exitCode = 1
  }
}
