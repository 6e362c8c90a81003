import t from 'tap'
import { createArticle, namesOf, startWithArticles } from '../../support/articles.ts'
import { codes } from '../../support/people.ts'

t.test('POST /articles returns the article, its address and its entity tag', async t => {
  const { alice } = await startWithArticles(t)
  const response = await createArticle(alice, 'On bread')
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
  const { alice } = await startWithArticles(t)
  const names = [
    [' \t\u3000On bread\n', 'On bread'], ['x'.repeat(50), 'x'.repeat(50)], ['😀'.repeat(50), '😀'.repeat(50)],
    [`${' '.repeat(100)}x`, 'x'], ['a  b', 'a  b']
  ]
  for (const [sent, stored] of names) {
    const response = await createArticle(alice, sent)
    t.equal(response.statusCode, 201)
    t.equal(response.json().name, stored)
  }
})

t.test('POST /articles rejects an invalid body with 400 and stores nothing', async t => {
  const { alice } = await startWithArticles(t)
  const bodies: [subject: string, payload: unknown, path: string][] = [
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
    ['a string', '"x"', '']
  ]
  for (const [subject, body, path] of bodies) {
    const payload = typeof body === 'string' ? body : JSON.stringify(body)
    const response = await alice.request('POST', '/articles', { payload, headers: { 'content-type': 'application/json' } })
    t.strictSame(codes(response), [400, 'validation_failed'], subject)
    t.match(response.json().errors, [{ in: 'body', path }], subject)
  }
  t.strictSame(namesOf(await alice.request('GET', '/articles')), [])
})
