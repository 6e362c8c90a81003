import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { openDatabase } from '../../src/database/open.ts'
import { listUnappliedMigrations, migrateToLatest } from '../../src/database/migrate.ts'
import { bearer, environment, newDatabase, startPool } from '../support/app.ts'
import { run, startService } from '../support/service-process.ts'

const future = '2999-01-01-01-labels'

/** Copies this version of the service, and adds a migration. */
function makeNewerVersion (t: Test): string {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  // A second call of `testdir` would empty the folder, which holds the SQLite file.
  const folder = join(existsSync(t.testdirName) ? t.testdirName : t.testdir(), 'newer')
  mkdirSync(folder, { recursive: true })
  for (const name of ['src', 'plugins', 'routes', 'migrations', 'package.json']) cpSync(join(root, name), join(folder, name), { recursive: true })
  writeFileSync(join(folder, 'migrations', `${future}.ts`), `
    export async function up (db) {
      await db.schema.createTable('labels').addColumn('id', 'integer').execute()
    }`)
  return folder
}

t.test('the previous version runs beside a newer one and after it, on the database that the newer one migrated', async t => {
  const pool = await startPool(t)
  const DATABASE_URL = await newDatabase(t)
  const variables = environment(pool, { DATABASE_URL })
  const headers = { ...bearer(pool.idToken()), 'content-type': 'application/json' }
  const create = (url: string, name: string) => fetch(`${url}/articles`, { method: 'POST', headers, body: JSON.stringify({ name }) })

  const older = await startService(t, variables, { covered: false })
  t.equal((await create(older.url, 'older')).status, 201)
  const newer = await startService(t, variables, { covered: false, folder: makeNewerVersion(t), isCompiled: false })
  t.match(newer.output.stdout, `"applied":["${future}"]`)
  for (const [name, { url }] of Object.entries({ newer, 'older, beside it': older })) {
    t.equal((await create(url, name)).status, 201, name)
    t.equal((await fetch(`${url}/health/ready`)).status, 200, name)
  }
  for (const { child, exited } of [older, newer]) {
    child.kill('SIGTERM')
    t.equal(await exited, 0)
  }

  const again = await startService(t, variables)
  t.match(again.output.stdout.split('\n').find(line => line.includes('"unknown"')), `"unknown":["${future}"],"msg":"the database has migrations of a newer version"`)
  t.equal((await fetch(`${again.url}/health/ready`)).status, 200)
  t.equal((await create(again.url, 'after the rollback')).status, 201)
  const list = await fetch(`${again.url}/articles`, { headers })
  t.match(await list.json(), [{ name: 'older' }, { name: 'newer' }, { name: 'older, beside it' }, { name: 'after the rollback' }])
  again.child.kill('SIGTERM')
  t.equal(await again.exited, 0)

  const command = run(t, 'src/cli/migrate.ts', { DATABASE_URL })
  t.equal(await command.exited, 0)
  t.strictSame(command.output, { stdout: `There are no pending migrations.\nThe database has ${future} of a newer version.\n`, stderr: '' })
})

t.test('migrateToLatest applies a pending migration whose name is before an unknown one', async t => {
  const database = openDatabase(await newDatabase(t))
  t.teardown(() => database.close())
  const { applied } = await migrateToLatest(database)
  const last = applied.at(-1) ?? ''
  const { db } = database
  // As if the last migration came with a hotfix of this version.
  await db.schema.dropTable('leases').execute()
  await db.withTables<{ kysely_migration: { name: string, timestamp: string } }>().updateTable('kysely_migration').set({ name: future }).where('name', '=', last).execute()
  t.strictSame(await listUnappliedMigrations(db), [last])
  t.strictSame(await migrateToLatest(database), { applied: [last], unknown: [future] })
  t.strictSame(await migrateToLatest(database), { applied: [], unknown: [future] })
})
