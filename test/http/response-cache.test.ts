import t from 'tap'
import { Answers, jsonAnswer } from '../../src/http/response-cache.ts'
import { startApp } from '../support/app.ts'

t.test('Answers keeps large pages within a bound, and drops the oldest', async t => {
  let made = 0
  const { app } = await startApp(t, { DATABASE_URL: 'sqlite::memory:' }, undefined, app => {
    const page = () => new Answers(app.database, async (kilobytes: number) => {
      made++
      return jsonAnswer(`"${'x'.repeat(kilobytes * 1_000)}"`, { etag: '"x"', link: '</pages>; rel="next"' })
    })
    let pages: ReturnType<typeof page> | undefined
    app.get('/pages/:kilobytes', { schema: { hide: true } }, (request, reply) => {
      pages ??= page()
      return pages.send(request, reply, Number(Object(request.params).kilobytes))
    })
  })
  /** How many of these requests made a new answer. */
  const count = async (...urls: string[]) => {
    const before = made
    for (const url of urls) t.equal((await app.inject(url)).statusCode, 200)
    return made - before
  }
  const urls = Array.from({ length: 100 }, (_, n) => `/pages/100?n=${n}`)

  t.equal(await count(...urls), 100)
  t.equal(await count(...urls.slice(20)), 0, 'the last 8 MB are kept')
  t.equal(await count(...urls.slice(0, 10)), 10, 'the oldest are not')
  t.equal(await count('/pages/600', '/pages/600'), 2, 'a page of 600 kB is not kept')
  t.equal(await count(urls[0] ?? '', urls[99] ?? ''), 0, 'and evicts no others')
})
