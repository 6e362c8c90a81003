import t from 'tap'
import { addBasePath, lacksSlash } from '../../src/http/base-path.ts'

t.test('addBasePath changes paths of the service and leaves other addresses alone', async t => {
  t.equal(addBasePath('/api', '/articles/1'), '/api/articles/1')
  t.equal(addBasePath('/api', '</articles?after=1>; rel="next"'), '</api/articles?after=1>; rel="next"')
  for (const other of ['https://example.com/', '//example.com/', '<https://example.com/>; rel="next"', '']) t.equal(addBasePath('/api', other), other)
})

t.test('lacksSlash is true for the base path alone', async t => {
  for (const target of ['/api', '/api?x=/']) t.ok(lacksSlash('/api', target), target)
  for (const target of ['/api/', '/api/?x', '/apis', '/', '/api/articles']) t.notOk(lacksSlash('/api', target), target)
})
