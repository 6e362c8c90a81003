import t from 'tap'
import { jsonResponse } from '../../src/http/json-response.ts'
import { ResponseCache } from '../../src/http/response-cache.ts'
import { startApp } from '../support/app.ts'

t.test('ResponseCache holds large pages within 8 MB, and evicts the oldest', async t => {
  let loads = 0
  const { app } = await startApp(t, { DATABASE_URL: 'sqlite::memory:' }, undefined, app => {
    let pages: ResponseCache | undefined
    app.get('/pages/:kilobytes', { schema: { hide: true } }, (request, reply) => {
      pages ??= new ResponseCache(app.database)
      return pages.send(request, reply, async () => {
        loads++
        return jsonResponse(`"${'x'.repeat(Number(Object(request.params).kilobytes) * 1_000)}"`, { etag: '"x"', link: '</pages>; rel="next"' })
      })
    })
  })
  /** The number of loads that these requests caused. */
  const count = async (...urls: string[]) => {
    const before = loads
    for (const url of urls) t.equal((await app.inject(url)).statusCode, 200)
    return loads - before
  }
  const urls = Array.from({ length: 100 }, (_, n) => `/pages/100?n=${n}`)

  t.equal(await count(...urls), 100)
  t.equal(await count(...urls.slice(20)), 0, 'the last 8 MB are cached')
  t.equal(await count(...urls.slice(0, 10)), 10, 'the oldest pages were evicted')
  t.equal(await count('/pages/600', '/pages/600'), 2, 'a page of 600 kB is not cached')
  t.equal(await count(urls[0] ?? '', urls[99] ?? ''), 0, 'a page of 600 kB evicts no other page')
})
