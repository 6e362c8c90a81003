import t, { type Test } from 'tap'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import { bearer, newDatabase, startApp, startPool } from '../support/app.ts'
import type { UserPool } from '../support/user-pool.ts'

interface Person {
  request (method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE', url: string, options?: InjectOptions): Promise<LightMyRequestResponse>
  write (name: unknown, headers?: Record<string, string>): Promise<LightMyRequestResponse>
}

function person (app: FastifyInstance, pool: UserPool, username: string, claims: Record<string, unknown> = {}): Person {
  const authorization = bearer(pool.idToken({ sub: `subject-of-${username}`, 'cognito:username': username, email: `${username}@example.com`, ...claims }))
  return {
    request: (method, url, options = {}) => app.inject({ method, url, ...options, headers: { ...authorization, ...options.headers } }),
    write: (name, headers = {}) => app.inject({ method: 'POST', url: '/articles', payload: { name }, headers: { ...authorization, ...headers } })
  }
}

async function startWithAlice (t: Test) {
  const { app, pool } = await startApp(t)
  return { app, pool, alice: person(app, pool, 'alice') }
}

const names = (response: LightMyRequestResponse) => response.json().map(({ name }: { name: string }) => name)
const codes = (response: LightMyRequestResponse) => [response.statusCode, response.json().code]

t.test('POST /articles answers with the article and where it is', async t => {
  const { alice } = await startWithAlice(t)
  const response = await alice.write('On bread')
  t.equal(response.statusCode, 201)
  t.equal(response.headers.location, '/articles/1')
  const article = response.json()
  t.match(article, { id: 1, name: 'On bread', author: 'alice', createdAt: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/ })
  t.equal(article.updatedAt, article.createdAt)

  const read = await alice.request('GET', '/articles/1')
  t.strictSame(read.json(), article)
  t.equal(read.headers.etag, response.headers.etag)
})

t.test('POST /articles trims the name and counts its code points', async t => {
  const { alice } = await startWithAlice(t)
  for (const [sent, stored] of [[' \t\u3000On bread\n', 'On bread'], ['x'.repeat(50), 'x'.repeat(50)], ['😀'.repeat(50), '😀'.repeat(50)], [`${' '.repeat(100)}x`, 'x'], ['a  b', 'a  b']]) {
    const response = await alice.write(sent)
    t.equal(response.statusCode, 201)
    t.equal(response.json().name, stored)
  }
})

t.test('POST /articles refuses', async t => {
  const { alice } = await startWithAlice(t)
  const bodies: [string, unknown, string][] = [
    ['an empty name', { name: '' }, '/name'],
    ['a blank name', { name: ' \n\t ' }, '/name'],
    ['a name of 51 characters', { name: 'x'.repeat(51) }, '/name'],
    ['a name of 51 emoji', { name: '😀'.repeat(51) }, '/name'],
    ['a NUL', { name: 'a\0b' }, '/name'],
    ['a lone surrogate', { name: 'a\ud800b' }, '/name'],
    ['a number', { name: 5 }, '/name'],
    ['null', { name: null }, '/name'],
    ['an array of one name', { name: ['x'] }, '/name'],
    ['no name', {}, '/name'],
    ['an unknown member', { name: 'x', author: 'mallory' }, '/author'],
    ['an array', [{ name: 'x' }], ''],
    ['a string', '"x"', ''],
  ]
  for (const [what, payload, path] of bodies) {
    t.test(what, async t => {
      const response = await alice.request('POST', '/articles', { payload: typeof payload === 'string' ? payload : JSON.stringify(payload), headers: { 'content-type': 'application/json' } })
      t.strictSame(codes(response), [400, 'validation_failed'])
      t.match(response.json().errors, [{ in: 'body', path }])
    })
  }
  const list = await alice.request('GET', '/articles')
  t.strictSame(list.json(), [])
})

t.test('GET /articles', async t => {
  const { alice } = await startWithAlice(t)
  for (const name of ['a', 'b', 'c', 'd', 'e']) await alice.write(name)

  t.test('lists from the oldest to the newest, without a Link where that is all', async t => {
    const response = await alice.request('GET', '/articles')
    t.strictSame(names(response), ['a', 'b', 'c', 'd', 'e'])
    t.equal(response.headers.link, undefined)
  })

  for (const [order, expected] of [['asc', ['a', 'b', 'c', 'd', 'e']], ['desc', ['e', 'd', 'c', 'b', 'a']]] as const) {
    t.test(`leads from page to page by Link, ${order}`, async t => {
      const seen: string[] = []
      let url = `/articles?limit=2&order=${order}`
      for (let pages = 0; pages < 3; pages++) {
        const response = await alice.request('GET', url)
        seen.push(...names(response))
        url = /^<(.*)>; rel="next"$/.exec(String(response.headers.link))?.[1] ?? ''
      }
      t.strictSame(seen, expected)
      t.equal(url, '', 'the last page has no Link')
    })
  }

  t.test('says nothing of more where the page ends with the last', async t => {
    const response = await alice.request('GET', '/articles?limit=5')
    t.equal(names(response).length, 5)
    t.equal(response.headers.link, undefined)
  })

  t.test('takes an id that is gone for a place to begin', async t => {
    t.strictSame(names(await alice.request('GET', '/articles?after=99')), [])
    t.strictSame(names(await alice.request('GET', '/articles?after=0&limit=1')), ['a'])
  })

  for (const query of ['limit=0', 'limit=101', 'limit=-1', 'limit=x', 'limit=1.5', 'limit=', 'limit=1&limit=2', 'after=x', 'after=-1', 'after=9007199254740992', 'order=up', 'order=ASC', 'q=%00', `q=${'x'.repeat(51)}`]) {
    t.test(`refuses ${query}`, async t => {
      const response = await alice.request('GET', `/articles?${query}`)
      t.strictSame(codes(response), [400, 'validation_failed'])
      t.match(response.json().errors, [{ in: 'query', path: /^\/(limit|after|order|q)$/ }])
    })
  }

  t.test('takes a trailing slash, and an address without a query, for the same', async t => {
    t.strictSame(names(await alice.request('GET', '/articles/')), ['a', 'b', 'c', 'd', 'e'])
  })
})

t.test('GET /articles?q= finds part of a name', async t => {
  const { alice } = await startWithAlice(t)
  for (const name of ['100 % wool', '100 days', 'under_score', 'UnderScore', 'back\\slash', 'ÄRGER', "O'Hara"]) await alice.write(name)
  const found = async (q: string) => names(await alice.request('GET', `/articles?q=${encodeURIComponent(q)}`))

  t.strictSame(await found('100'), ['100 % wool', '100 days'])
  t.strictSame(await found('%'), ['100 % wool'])
  t.strictSame(await found('_'), ['under_score'])
  t.strictSame(await found('\\'), ['back\\slash'])
  t.strictSame(await found("'"), ["O'Hara"])
  t.strictSame(await found('DERSCORE'), ['UnderScore'])
  t.strictSame(await found('ärg'), ['ÄRGER'])
  t.strictSame(await found('nothing'), [])
  t.equal((await found('')).length, 7)

  const page = await alice.request('GET', '/articles?q=100&limit=1&order=desc')
  t.strictSame(names(page), ['100 days'])
  t.equal(page.headers.link, '</articles?q=100&limit=1&order=desc&after=2>; rel="next"')
})

t.test('GET /articles?q= looks at so many articles a page, and goes on by Link', async t => {
  const { app, alice } = await startWithAlice(t)
  await alice.write('needle one')
  const rows = Array.from({ length: 500 }, () => ({ name: 'hay', name_key: 'hay', created_at: '', updated_at: '' }))
  for (let batch = 0; batch < 121; batch++) await app.db.insertInto('articles').values(rows).execute()
  await alice.write('needle two')

  for (const [order, expected] of [['asc', ['needle one', 'needle two']], ['desc', ['needle two', 'needle one']]] as const) {
    const first = await alice.request('GET', `/articles?q=ne&order=${order}`)
    t.strictSame(names(first), expected.slice(0, 1))
    const next = /^<(.*)>/.exec(String(first.headers.link))?.[1] ?? ''
    const second = await alice.request('GET', next)
    t.strictSame(names(second), expected.slice(1))
    t.equal(second.headers.link, undefined)
  }
})

t.test('/articles/:id', async t => {
  const { app, pool, alice } = await startWithAlice(t)
  const bob = person(app, pool, 'bob')
  const admin = person(app, pool, 'root', { 'cognito:groups': ['admin'] })
  await alice.write('first')

  t.test('is there for every user', async t => {
    t.equal((await bob.request('GET', '/articles/1')).json().name, 'first')
  })

  t.test('is changed by its author and by an administrator alone', async t => {
    for (const method of ['PATCH', 'DELETE'] as const) {
      const options = method === 'PATCH' ? { payload: { name: 'taken' } } : {}
      t.strictSame(codes(await bob.request(method, '/articles/1', options)), [403, 'forbidden'])
    }
    const renamed = await alice.request('PATCH', '/articles/1', { payload: { name: ' second ' } })
    t.match(renamed.json(), { id: 1, name: 'second', author: 'alice' })
    t.equal((await admin.request('PATCH', '/articles/1', { payload: { name: 'third' } })).json().author, 'alice')
    t.equal((await bob.request('GET', '/articles/1')).json().name, 'third')
  })

  t.test('counts no group that merely looks like the admin group', async t => {
    for (const groups of ['admin', ['Admin'], ['admins'], [['admin']], { 0: 'admin' }, 'xadminx']) {
      const mallory = person(app, pool, 'mallory', { 'cognito:groups': groups })
      t.strictSame(codes(await mallory.request('DELETE', '/articles/1')), [403, 'forbidden'])
    }
  })

  t.test('is found by a name that was changed', async t => {
    t.strictSame(names(await bob.request('GET', '/articles?q=thir')), ['third'])
    t.strictSame(names(await bob.request('GET', '/articles?q=first')), [])
  })

  t.test('refuses a bad change', async t => {
    for (const payload of [{}, { name: '' }, { name: 'x', id: 7 }]) {
      t.strictSame(codes(await alice.request('PATCH', '/articles/1', { payload })), [400, 'validation_failed'])
    }
  })

  t.test('is gone once deleted, and its id is never given again', async t => {
    const gone = await alice.request('DELETE', '/articles/1')
    t.equal(gone.statusCode, 204)
    t.equal(gone.body, '')
    for (const method of ['GET', 'DELETE'] as const) {
      t.strictSame(codes(await alice.request(method, '/articles/1')), [404, 'not_found'])
    }
    t.strictSame(codes(await alice.request('PATCH', '/articles/1', { payload: { name: 'x' } })), [404, 'not_found'])
    t.equal((await alice.write('next')).json().id, 2)
  })

  for (const id of ['0', '-1', 'x', '1.5', '1e0', '9007199254740993', '99999999999999999999', '1%00', '%F0%9F%98%80']) {
    t.test(`does not exist as ${id}`, async t => {
      t.strictSame(codes(await alice.request('GET', `/articles/${id}`)), [404, 'not_found'])
    })
  }

  t.test('outlives its author', async t => {
    await app.db.deleteFrom('users').where('username', '=', 'alice').execute()
    t.equal((await bob.request('GET', '/articles/2')).json().author, null)
    t.strictSame(codes(await bob.request('DELETE', '/articles/2')), [403, 'forbidden'])
    t.equal((await admin.request('DELETE', '/articles/2')).statusCode, 204)
  })
})

t.test('conditional requests', async t => {
  const { app, pool, alice } = await startWithAlice(t)
  await alice.write('one')
  const tagOf = async (url: string) => String((await alice.request('GET', url)).headers.etag)

  for (const url of ['/articles', '/articles/1']) {
    t.test(`GET ${url} has a strong ETag that does not depend on the token`, async t => {
      const response = await alice.request('GET', url)
      t.match(response.headers, { etag: /^"[\w-]+"$/, 'cache-control': 'private, no-cache', vary: 'Authorization' })
      const other = await person(app, pool, 'bob').request('GET', url)
      t.equal(other.headers.etag, response.headers.etag)
      t.equal((await alice.request('HEAD', url)).headers.etag, response.headers.etag)
    })

    t.test(`GET ${url} answers 304 to who has it`, async t => {
      const tag = await tagOf(url)
      for (const header of [tag, `W/${tag}`, `"x", ${tag}`, '*']) {
        for (const method of ['GET', 'HEAD'] as const) {
          const response = await alice.request(method, url, { headers: { 'if-none-match': header } })
          t.equal(response.statusCode, 304, header)
          t.equal(response.body, '')
          t.match(response.headers, { etag: tag, 'cache-control': 'private, no-cache', vary: 'Authorization' })
          t.notOk(response.headers['content-type'])
        }
      }
      for (const header of ['"x"', tag.slice(1, -1), '']) {
        t.equal((await alice.request('GET', url, { headers: { 'if-none-match': header } })).statusCode, 200, header)
      }
    })
  }

  t.test('an ETag changes with what is shown', async t => {
    const before = [await tagOf('/articles'), await tagOf('/articles/1')]
    await app.db.updateTable('users').set({ username: 'alicia' }).where('username', '=', 'alice').execute()
    const after = [await tagOf('/articles'), await tagOf('/articles/1')]
    t.not(before[0], after[0])
    t.not(before[1], after[1])
    const page = await tagOf('/articles?limit=1')
    await alice.write('two')
    t.not(await tagOf('/articles?limit=1'), page, 'a page that is no longer the last has changed')
  })

  t.test('If-Match lets a change through only where nobody changed it before', async t => {
    const stale = await tagOf('/articles/1')
    const first = await alice.request('PATCH', '/articles/1', { payload: { name: 'mine' }, headers: { 'if-match': stale } })
    t.equal(first.statusCode, 200)
    for (const header of [stale, `W/${stale}`, '"x"', '']) {
      t.strictSame(codes(await alice.request('PATCH', '/articles/1', { payload: { name: 'theirs' }, headers: { 'if-match': header } })), [412, 'precondition_failed'])
      t.strictSame(codes(await alice.request('DELETE', '/articles/1', { headers: { 'if-match': header } })), [412, 'precondition_failed'])
    }
    t.equal(String(first.headers.etag), await tagOf('/articles/1'))
    t.equal((await alice.request('PATCH', '/articles/1', { payload: { name: 'again' }, headers: { 'if-match': '*' } })).statusCode, 200)
    t.equal((await alice.request('DELETE', '/articles/1', { headers: { 'if-match': await tagOf('/articles/1') } })).statusCode, 204)
  })

  t.test('of 20 changes at once that name one ETag, one is made', async t => {
    await alice.write('contended')
    const tag = await tagOf('/articles/3')
    const responses = await Promise.all(Array.from({ length: 20 }, (_, n) => alice.request('PATCH', '/articles/3', { payload: { name: `by ${n}` }, headers: { 'if-match': tag } })))
    t.strictSame(responses.map(response => response.statusCode).sort(), [200, ...Array.from({ length: 19 }, () => 412)])
  })

  t.test('of 20 changes at once without a condition, all are made', async t => {
    const responses = await Promise.all(Array.from({ length: 20 }, (_, n) => alice.request('PATCH', '/articles/3', { payload: { name: `by ${n}` } })))
    t.ok(responses.every(response => response.statusCode === 200))
  })
})

t.test('Idempotency-Key', async t => {
  const { app, pool, alice } = await startWithAlice(t)

  t.test('gives a retry the same answer', async t => {
    const first = await alice.write('once', { 'idempotency-key': 'k1' })
    const retry = await alice.write('once', { 'idempotency-key': 'k1' })
    t.equal(first.statusCode, 201)
    t.equal(retry.statusCode, 201)
    t.equal(retry.body, first.body)
    t.equal(retry.headers.location, first.headers.location)
    t.equal(retry.headers.etag, first.headers.etag)
    t.strictSame(names(await alice.request('GET', '/articles')), ['once'])
  })

  t.test('refuses another body', async t => {
    t.strictSame(codes(await alice.write('twice', { 'idempotency-key': 'k1' })), [422, 'idempotency_mismatch'])
  })

  t.test('is one user’s own', async t => {
    const bob = person(app, pool, 'bob')
    t.equal((await bob.write('his', { 'idempotency-key': 'k1' })).json().author, 'bob')
  })

  t.test('keeps nothing of what was refused', async t => {
    t.equal((await alice.write('', { 'idempotency-key': 'k2' })).statusCode, 400)
    t.equal((await alice.write('fine', { 'idempotency-key': 'k2' })).statusCode, 201)
  })

  t.test('makes one article of 20 requests at once', async t => {
    const responses = await Promise.all(Array.from({ length: 20 }, () => alice.write('crowd', { 'idempotency-key': 'k3' })))
    t.strictSame([...new Set(responses.map(response => `${response.statusCode} ${response.body}`))].length, 1)
    t.strictSame(names(await alice.request('GET', '/articles?q=crowd')), ['crowd'])
  })

  t.test('is forgotten after its time', async t => {
    await alice.write('early', { 'idempotency-key': 'k4' })
    await app.db.updateTable('idempotency_keys').set({ expires_at: '2000-01-01T00:00:00.000Z' }).where('key', '=', 'k4').execute()
    t.equal((await alice.write('late', { 'idempotency-key': 'k4' })).json().name, 'late')
  })

  for (const [what, key, status] of [['1 character', 'x', 201], ['255 characters', 'x'.repeat(255), 201], ['256 characters', 'x'.repeat(256), 400], ['nothing', '', 400]] as const) {
    t.test(`of ${what} gets ${status}`, async t => {
      const response = await alice.write('length', { 'idempotency-key': key })
      t.equal(response.statusCode, status)
      if (status === 400) t.match(response.json(), { code: 'validation_failed', errors: [{ in: 'headers', path: '/idempotency-key' }] })
    })
  }
})

t.test('an Idempotency-Key holds on every replica', async t => {
  const pool = await startPool(t)
  const DATABASE_URL = await newDatabase(t)
  const replicas = [await startApp(t, { DATABASE_URL }, pool), await startApp(t, { DATABASE_URL }, pool)]
  const alices = replicas.map(({ app }) => person(app, pool, 'alice'))
  await alices[0]?.request('GET', '/me')
  const responses = await Promise.all(Array.from({ length: 20 }, (_, n) => alices[n % 2]?.write('crowd', { 'idempotency-key': 'k' })))
  t.equal(new Set(responses.map(response => `${response?.statusCode} ${response?.body}`)).size, 1)
  for (const alice of alices) t.strictSame(names(await alice.request('GET', '/articles')), ['crowd'])
})

t.test('routes under /articles need a token and a local user', async t => {
  const { app, pool } = await startApp(t, { USER_PROVISIONING: 'strict' })
  for (const [method, url] of [['GET', '/articles'], ['POST', '/articles'], ['GET', '/articles/1'], ['PATCH', '/articles/1'], ['DELETE', '/articles/1']] as const) {
    t.strictSame(codes(await app.inject({ method, url })), [401, 'no_auth_token'])
    t.strictSame(codes(await app.inject({ method, url, headers: bearer(pool.idToken()) })), [403, 'no_such_user'])
  }
})

t.test('of many who ask at once each gets the answer to its own question', async t => {
  const { app, pool } = await startApp(t)
  const alice = person(app, pool, 'alice')
  for (const name of ['One', 'Two', 'Three']) await alice.request('POST', '/articles', { payload: { name } })
  const { headers: { etag } } = await alice.request('GET', '/articles')
  const questions = [
    () => alice.request('GET', '/articles'),
    () => alice.request('HEAD', '/articles'),
    () => alice.request('GET', '/articles', { headers: { 'if-none-match': `${etag}` } }),
    () => alice.request('GET', '/articles?limit=2'),
    () => alice.request('GET', '/articles/2'),
    () => alice.request('GET', '/articles/99')
  ]
  const said = ({ statusCode, headers: { etag, link, vary, 'content-type': type, 'content-length': length }, body }: Awaited<ReturnType<typeof alice.request>>) =>
    [statusCode, etag, link, vary, type, length, body.replace(/"requestId":"[^"]+"/, '')]
  const alone: ReturnType<typeof said>[] = []
  for (const ask of questions) alone.push(said(await ask()))
  t.strictSame(alone.map(([status]) => status), [200, 200, 304, 200, 200, 404])

  // Nothing is kept of what they asked before.
  await app.db.updateTable('articles').set({ version: 1 }).execute()
  const all = [...questions, ...questions, ...questions.toReversed()]
  const together = await Promise.all(all.map(ask => ask()))
  t.strictSame(together.map(said), [...alone, ...alone, ...alone.toReversed()])
  t.ok(together.every(response => response.statusCode !== 404 || response.json().requestId === response.headers['x-request-id']))
})
