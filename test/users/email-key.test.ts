import t from 'tap'
import { up } from '../../migrations/2026-11-27-02-ascii-email-keys.ts'
import { migrateToLatest } from '../../src/database/migrate.ts'
import { openDatabase } from '../../src/database/open.ts'
import { findUserByEmail, insertUser } from '../../src/users/queries.ts'
import { newDatabase } from '../support/app.ts'

t.test('the migration ascii-email-keys folds ASCII letters alone in the keys of e-mail addresses', async t => {
  const database = openDatabase(await newDatabase(t))
  const { db } = database
  t.teardown(() => database.close())
  await migrateToLatest(database)
  const emails = ['Alice@Example.COM', '\u212AATE@Example.com', '\u00C5SA@example.com', 'I\u0130@example.com', null]
  for (const [index, email] of emails.entries()) {
    const user = await insertUser(db, { username: `user${index}`, email, issuer: null, sub: null })
    // As versions before the migration wrote it.
    await db.updateTable('users').set({ email_key: email && email.toLowerCase() }).where('id', '=', user?.id ?? 0).execute()
  }

  await up(db)
  const keys = await db.selectFrom('users').select('email_key').orderBy('id').execute()
  t.strictSame(keys.map(row => row.email_key), ['alice@example.com', '\u212Aate@example.com', '\u00C5sa@example.com', 'i\u0130@example.com', null])
  for (const [index, email] of emails.entries()) {
    if (email !== null) t.match(await findUserByEmail(db, null, email.replace('example', 'EXAMPLE')), { username: `user${index}` })
  }
  t.equal(await findUserByEmail(db, null, 'kate@example.com'), undefined)
})
