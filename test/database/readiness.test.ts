import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { migrateToLatest } from '../../src/database/migrate.ts'
import { openDatabase } from '../../src/database/open.ts'
import { Readiness } from '../../src/database/readiness.ts'

t.test('Readiness queries the database once for 300 calls at once, and then at most once a second', async t => {
  let queries = 0
  const database = openDatabase('sqlite::memory:', { onQuery: () => { queries++ } })
  const readiness = new Readiness(database)
  t.teardown(() => readiness.close().then(() => database.close()))
  await migrateToLatest(database)

  queries = 0
  const begun = performance.now()
  await Promise.all(Array.from({ length: 300 }, () => readiness.listUnapplied()))
  t.equal(queries, 1)
  for (let turn = 0; turn < 100; turn++) {
    await readiness.listUnapplied()
    await wait(1)
  }
  t.ok(queries <= 1 + (performance.now() - begun) / 1000)
})

t.test('Readiness caches a failure for a second, and then recovers', async t => {
  let queries = 0
  const database = openDatabase('sqlite::memory:', { onQuery: () => { queries++ } })
  const readiness = new Readiness(database)
  t.teardown(() => readiness.close().then(() => database.close()))
  const failures = await Promise.all(Array.from({ length: 300 }, () => readiness.listUnapplied().catch(String)))
  t.equal(queries, 1)
  t.match(failures[299], /no such table/)

  await migrateToLatest(database)
  await wait(1_050)
  t.strictSame(await readiness.listUnapplied(), [])
})
