import { executionAsyncResource } from 'node:async_hooks'
import t from 'tap'
import { keptTicks } from '../src/kept-tick.ts'

t.test('one callback of process.nextTick is kept, and is what the next ones are', async t => {
  const next = await new Promise<object>(resolve => process.nextTick(() => resolve(executionAsyncResource())))
  t.equal(keptTicks.length, 1)
  t.strictSame(Reflect.ownKeys(keptTicks[0] ?? {}), Reflect.ownKeys(next))
  t.ok('callback' in next)
})
