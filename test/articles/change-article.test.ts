import t, { type Test } from 'tap'
import { changeArticle } from '../../src/articles/change-article.ts'
import { deleteArticle, findArticle, insertArticle, updateArticle } from '../../src/articles/queries.ts'
import { articleTag } from '../../src/articles/schemas.ts'
import { migrateToLatest } from '../../src/database/migrate.ts'
import type { QueryObservation } from '../../src/database/query-observer.ts'
import { openDatabase } from '../../src/database/open.ts'
import { insertUser } from '../../src/users/queries.ts'
import { newDatabase } from '../support/app.ts'

const crowd = 300

/** A database with one article of Alice's, and a count of its queries. */
async function startWithArticle (t: Test) {
  const queries: QueryObservation[] = []
  const database = openDatabase(await newDatabase(t), { onQuery: query => queries.push(query) })
  const { db } = database
  t.teardown(() => database.close())
  await migrateToLatest(database)
  const alice = await insertUser(db, { username: 'alice', email: null, issuer: 'issuer', sub: 'alice' })
  if (alice === undefined) throw new Error('the user was not stored')
  await insertArticle(db, { name: 'first', author: alice })
  const found = await findArticle(db, 1)
  if (found === undefined) throw new Error('the article was not stored')
  queries.length = 0

  const change = { userId: alice.id, isAdmin: false, preconditions: {} }
  const rename = (name: string, ifMatch?: string) =>
    changeArticle(db, 1, { ...change, preconditions: { 'if-match': ifMatch } }, (article, version) => updateArticle(db, article, version, name)).then(() => 'done', problemCode)
  const remove = (ifMatch?: string) =>
    changeArticle(db, 1, { ...change, preconditions: { 'if-match': ifMatch } }, (article, version) => deleteArticle(db, article, version)).then(() => 'done', problemCode)
  return { db, alice, change, rename, remove, found, tag: articleTag(found), countQueries: () => queries.length }
}

function problemCode (error: unknown): string {
  return error instanceof Error && 'code' in error ? `${error.code}` : `${error}`
}

/** How often each outcome occurred. */
function tally (outcomes: string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1
  return counts
}

const times = <Result>(work: (n: number) => Promise<Result>) => Promise.all(Array.from({ length: crowd }, (_, n) => work(n)))

for (const ifMatch of [undefined, '*', ' * ']) {
  t.test(`changeArticle makes 300 concurrent changes with If-Match ${ifMatch} in 600 queries`, async t => {
    const { rename, found, db, countQueries } = await startWithArticle(t)
    t.strictSame(tally(await times(n => rename(`name ${n}`, ifMatch))), { done: crowd })
    t.equal(countQueries(), 2 * crowd)
    t.equal((await findArticle(db, 1))?.version, found.version + crowd)
  })
}

t.test('changeArticle makes 1 of 300 concurrent changes of one entity tag, in at most 900 queries', async t => {
  const { rename, tag, countQueries } = await startWithArticle(t)
  t.strictSame(tally(await times(n => rename(`name ${n}`, tag))), { done: 1, precondition_failed: crowd - 1 })
  t.ok(countQueries() <= 3 * crowd, `${countQueries()} queries`)
})

t.test('changeArticle makes 1 of 300 concurrent deletions, in at most 900 queries', async t => {
  for (const conditional of [false, true]) {
    const { remove, tag, countQueries } = await startWithArticle(t)
    t.strictSame(tally(await times(() => remove(conditional ? tag : undefined))), { done: 1, not_found: crowd - 1 })
    t.ok(countQueries() <= 3 * crowd, `${countQueries()} queries`)
  }
})

t.test('changeArticle rejects a change whose article loses its author between the check and the change', async t => {
  const { db, alice, change } = await startWithArticle(t)
  const attempt = changeArticle(db, 1, change, async (article, version) => {
    await db.deleteFrom('users').where('id', '=', alice.id).execute()
    return updateArticle(db, article, version, 'late')
  })
  t.equal(await attempt.then(() => 'done', problemCode), 'forbidden')
  t.match(await findArticle(db, 1), { name: 'first', author: null })

  const administrator = { ...change, isAdmin: true }
  t.match(await changeArticle(db, 1, administrator, (article, version) => updateArticle(db, article, version, 'mine')), { name: 'mine', author: null })
})

t.test('changeArticle gives up with precondition_failed after three lost attempts', async t => {
  const { db, change, tag } = await startWithArticle(t)
  let attempts = 0
  const attempt = changeArticle(db, 1, { ...change, preconditions: { 'if-match': tag } }, async () => {
    attempts++
    return undefined
  })
  t.equal(await attempt.then(() => 'done', problemCode), 'precondition_failed')
  t.equal(attempts, 3)
})
