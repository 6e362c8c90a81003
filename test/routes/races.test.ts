import t from 'tap'
import { startApp } from '../support/app.ts'
import { administrator, person } from '../support/people.ts'

t.test('two first requests of one identity with two addresses are both answered as one user', async t => {
  const { app, pool } = await startApp(t, { USER_PROVISIONING: 'strict' })
  const admin = administrator(app, pool)
  for (let round = 0; round < 10; round++) {
    const [home, work] = [`home${round}@example.com`, `work${round}@example.com`]
    for (const email of [home, work]) {
      await admin.request('POST', '/admin/users', { payload: { username: email, email } })
    }
    const responses = await Promise.all([home, work].map(email => person(app, pool, `twice${round}`, { email }).request('GET', '/me')))
    t.strictSame(responses.map(({ statusCode }) => statusCode), [200, 200], `round ${round}`)
    const [first, second] = responses.map(response => response.json().id)
    t.equal(first, second)
  }
})

for (const [title, headers] of [['POST /articles', {}], ['POST /articles with an Idempotency-Key', { 'idempotency-key': 'a key' }]] as const) {
  t.test(`${title} of a user who is removed meanwhile is a 403 no_such_user`, async t => {
    const { app, pool } = await startApp(t, { USER_PROVISIONING: 'strict' })
    const admin = administrator(app, pool)
    const seen: string[] = []
    // On a busy machine, all articles of a round may be written before the user is removed.
    for (let round = 0; round < 10 || (seen.every(answer => answer === '201') && round < 200); round++) {
      const author = person(app, pool, `author${round}`)
      const added = await admin.request('POST', '/admin/users', { payload: { username: `author${round}`, email: `author${round}@example.com` } })
      await author.request('GET', '/me')
      const create = () => author.request('POST', '/articles', { headers, payload: { name: 'In between' } })
      const before = Array.from({ length: 10 }, create)
      const removal = admin.request('DELETE', `/admin/users/${added.json().id}`)
      const responses = await Promise.all([...before, ...Array.from({ length: 30 }, create)])
      t.equal((await removal).statusCode, 204)
      for (const response of responses) seen.push(response.statusCode === 201 ? '201' : `${response.statusCode} ${response.json().code}`)
    }
    t.strictSame([...new Set(seen)].filter(answer => answer !== '201'), ['403 no_such_user'])
  })
}

t.test('many first requests of one identity, many of one address and many of one username are answered without a 500', async t => {
  const { app, pool } = await startApp(t)
  const people = Array.from({ length: 60 }, (_, n) => person(app, pool, `name${n % 3}`, { sub: `subject${n % 4}`, email: `address${n % 5}@example.com` }))
  const responses = await Promise.all(people.map(each => each.request('GET', '/me')))
  t.strictSame([...new Set(responses.map(({ statusCode }) => statusCode))].filter(status => status !== 200 && status !== 403), [])
})

t.test('administrators who give one username or one address to several users at once have one winner, and a 409 conflict each', async t => {
  const { app, pool } = await startApp(t)
  const admin = administrator(app, pool)
  const ids = await Promise.all(Array.from({ length: 8 }, async (_, n) => (await admin.request('POST', '/admin/users', { payload: { username: `user${n}`, email: `user${n}@example.com` } })).json().id))
  for (const payload of [{ username: 'wanted' }, { email: 'wanted@example.com' }]) {
    const responses = await Promise.all(ids.map(id => admin.request('PATCH', `/admin/users/${id}`, { payload })))
    t.strictSame(responses.map(({ statusCode }) => statusCode).sort(), [200, ...Array.from({ length: 7 }, () => 409)])
    t.strictSame([...new Set(responses.filter(({ statusCode }) => statusCode === 409).map(response => response.json().code))], ['conflict'])
  }
})
