import { setImmediate as turnEnds } from 'node:timers/promises'
import t from 'tap'
import { VerificationLine } from '../../../plugins/cognito-auth/verification-queue.ts'

/** A line with a clock that is set by hand, in milliseconds, and which of those that stood in it have been verified. */
function start () {
  const clock = { ms: 60_000 }
  const line = new VerificationLine(() => clock.ms)
  const verified: number[] = []
  const verify = (id: number) => line.verify(() => {
    clock.ms += 0.125
    verified.push(id)
    return id
  })
  return { clock, line, verified, verify }
}

t.test('VerificationLine verifies a few at once, and the others in the turns after it, in their order', async t => {
  const { line, verified, verify } = start()
  const results = Array.from({ length: 14 }, (_, id) => verify(id))
  t.strictSame(verified, [0, 1, 2, 3])
  t.equal(results[0], 0)
  t.equal(line.length.waiting, 10)
  await turnEnds()
  t.strictSame(verified, [0, 1, 2, 3, 4, 5, 6, 7])
  results.push(verify(14))
  t.strictSame(verified, [0, 1, 2, 3, 4, 5, 6, 7], 'nobody passes those who wait')
  await turnEnds()
  await turnEnds()
  const all = Array.from({ length: 15 }, (_, id) => id)
  t.strictSame(verified, all)
  t.strictSame(await Promise.all(results), all)
  t.strictSame(line.length, { waiting: 0, wait: 0 })
})

t.test('VerificationLine takes as long as all else once somebody has waited for long', async t => {
  const { clock, line, verified, verify } = start()
  for (let id = 0; id < 400; id++) verify(id)
  await turnEnds()
  t.equal(verified.length, 8)
  clock.ms += 5
  t.equal(line.length.wait, 5 + 4 * 0.125)
  await turnEnds()
  t.equal(verified.length, 12)
  clock.ms += 18
  await turnEnds()
  t.equal(verified.length, 12 + 18 / 0.125)
})

t.test('VerificationLine counts no pause before it', async t => {
  const { clock, verified, verify } = start()
  clock.ms += 3_600_000
  for (let id = 0; id < 400; id++) verify(id)
  clock.ms += 25
  await turnEnds()
  t.equal(verified.length, 4 + (4 * 0.125 + 25) / 0.125)
})

t.test('VerificationLine passes errors on to those whose they are', async t => {
  const { line, verify } = start()
  const fail = () => line.verify(() => { throw new Error('not this one') })
  t.throws(fail, { message: 'not this one' })
  for (let id = 1; id < 4; id++) verify(id)
  const waiting = Promise.resolve(fail())
  const next = verify(4)
  await t.rejects(waiting, { message: 'not this one' })
  t.equal(await next, 4)
})
