import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import t from 'tap'
import { ConcurrencyLimit } from '../../src/http/concurrency-limit.ts'

function response (): ServerResponse {
  return new ServerResponse(new IncomingMessage(new Socket()))
}

t.test('ConcurrencyLimit rejects a request that has waited for `maxWaitMs`', async t => {
  const limit = new ConcurrencyLimit({ maxRunning: 1, maxWaiting: 1, maxWaitMs: 10 })
  t.equal(limit.admit('alice', response(), () => true), true)
  t.equal(await limit.admit('alice', response(), () => true), false)
})

t.test('ConcurrencyLimit removes a waiting request whose client has left', async t => {
  const limit = new ConcurrencyLimit({ maxRunning: 1, maxWaiting: 1, maxWaitMs: 60_000 })
  const [first, second, third] = [response(), response(), response()]
  t.equal(limit.admit('alice', first, () => true), true)
  const left = limit.admit('alice', second, () => true)
  t.equal(limit.admit('alice', third, () => true), false)
  second.emit('close')
  t.equal(await left, false)
  const waiting = limit.admit('alice', third, () => true)
  first.emit('close')
  t.equal(await waiting, true)
  t.equal(limit.admit('alice', response(), () => false), false)
  third.emit('close')
  t.equal(limit.admit('alice', response(), () => false), true)
})

t.test('ConcurrencyLimit admits no request whose response has closed', async t => {
  const limit = new ConcurrencyLimit({ maxRunning: 1, maxWaiting: 1, maxWaitMs: 60_000 })
  const closed = response()
  closed.destroy()
  await new Promise(resolve => closed.once('close', resolve))
  t.equal(limit.admit('alice', closed, () => true), false)
  t.equal(limit.admit('alice', response(), () => false), true)
})
