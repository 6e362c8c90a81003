import t from 'tap'
import { Problem } from '../../src/problems/catalogue.ts'

t.test('a Problem has no stack trace, and other errors keep theirs', async t => {
  const { stackTraceLimit } = Error
  t.notMatch(new Problem('not_found', 'There is no such article.').stack, ' at ')
  t.match(new Error('unexpected').stack, 'stackless-error.test.ts')
  t.equal(Error.stackTraceLimit, stackTraceLimit)
})
