import { setImmediate as turnEnds } from 'node:timers/promises'
import t from 'tap'
import { VerificationQueue } from '../../../plugins/cognito-auth/verification-queue.ts'

/** A queue with a clock that is set by hand, in milliseconds, and the ids verified so far. */
function start () {
  const clock = { ms: 60_000 }
  const queue = new VerificationQueue(() => clock.ms)
  const verified: number[] = []
  const verify = (id: number) => queue.run(() => {
    clock.ms += 0.125
    verified.push(id)
    return id
  })
  return { clock, queue, verified, verify }
}

t.test('VerificationQueue runs four verifications at once and the others in later turns, in order', async t => {
  const { queue, verified, verify } = start()
  const results = Array.from({ length: 14 }, (_, id) => verify(id))
  t.strictSame(verified, [0, 1, 2, 3])
  t.equal(results[0], 0)
  t.equal(queue.statistics.waiting, 10)
  await turnEnds()
  t.strictSame(verified, [0, 1, 2, 3, 4, 5, 6, 7])
  results.push(verify(14))
  t.strictSame(verified, [0, 1, 2, 3, 4, 5, 6, 7], 'a new one does not pass the queue')
  await turnEnds()
  await turnEnds()
  const all = Array.from({ length: 15 }, (_, id) => id)
  t.strictSame(verified, all)
  t.strictSame(await Promise.all(results), all)
  t.strictSame(queue.statistics, { waiting: 0, waitMs: 0 })
})

t.test('VerificationQueue gets as much time as everything else once the first has waited 20 ms', async t => {
  const { clock, queue, verified, verify } = start()
  for (let id = 0; id < 400; id++) verify(id)
  await turnEnds()
  t.equal(verified.length, 8)
  clock.ms += 5
  t.equal(queue.statistics.waitMs, 5 + 4 * 0.125)
  await turnEnds()
  t.equal(verified.length, 12)
  clock.ms += 18
  await turnEnds()
  t.equal(verified.length, 12 + 18 / 0.125)
})

t.test('VerificationQueue does not count the idle time before its first verification', async t => {
  const { clock, verified, verify } = start()
  clock.ms += 3_600_000
  for (let id = 0; id < 400; id++) verify(id)
  clock.ms += 25
  await turnEnds()
  t.equal(verified.length, 4 + (4 * 0.125 + 25) / 0.125)
})

t.test('VerificationQueue rejects only the verification that failed', async t => {
  const { queue, verify } = start()
  const fail = () => queue.run(() => { throw new Error('not this one') })
  t.throws(fail, { message: 'not this one' })
  for (let id = 1; id < 4; id++) verify(id)
  const waiting = Promise.resolve(fail())
  const next = verify(4)
  await t.rejects(waiting, { message: 'not this one' })
  t.equal(await next, 4)
})
