import t from 'tap'
import { Problem } from '../../src/problems/catalogue.ts'

t.test('a refusal has a message and no stack, and leaves the stacks of others as they are', async t => {
  const { stackTraceLimit } = Error
  t.notMatch(new Problem('not_found', 'There is no such article.').stack, ' at ')
  t.match(new Error('a fault').stack, 'stackless-error.test.ts')
  t.equal(Error.stackTraceLimit, stackTraceLimit)
})
