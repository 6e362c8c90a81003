import { setImmediate as turnEnds } from 'node:timers/promises'
import t from 'tap'
import { VerificationLine } from '../../src/cognito/verification-line.ts'

/** A line with a clock that is set by hand, in milliseconds, and which of those that stood in it have been verified. */
function start () {
  const clock = { ms: 60_000 }
  const line = new VerificationLine(() => clock.ms)
  const verified: number[] = []
  const verify = (id: number, ms = 0.125) => line.verify(() => {
    clock.ms += ms
    verified.push(id)
    return id
  })
  return { clock, line, verified, verify }
}

t.test('VerificationLine verifies at once as many as fit into a turn, and the others in the turns after it, in their order', async t => {
  const { line, verified, verify } = start()
  const results = Array.from({ length: 7 }, (_, id) => verify(id))
  t.strictSame(verified, [0, 1])
  t.equal(results[0], 0)
  t.equal(line.length.waiting, 5)
  await turnEnds()
  t.strictSame(verified, [0, 1, 2, 3])
  results.push(verify(7))
  t.strictSame(verified, [0, 1, 2, 3], 'nobody passes those who wait')
  await turnEnds()
  await turnEnds()
  t.strictSame(verified, [0, 1, 2, 3, 4, 5, 6, 7])
  t.strictSame(await Promise.all(results), [0, 1, 2, 3, 4, 5, 6, 7])
  t.strictSame(line.length, { waiting: 0, wait: 0 })
})

t.test('VerificationLine takes as long as all else once somebody has waited for long', async t => {
  const { clock, line, verified, verify } = start()
  for (let id = 0; id < 400; id++) verify(id)
  await turnEnds()
  t.equal(verified.length, 4)
  clock.ms += 5
  t.equal(Math.round(line.length.wait), 5)
  await turnEnds()
  t.equal(verified.length, 6)
  clock.ms += 18
  await turnEnds()
  t.equal(verified.length, 6 + 18 / 0.125)
})

t.test('VerificationLine counts no pause before it', async t => {
  const { clock, verified, verify } = start()
  for (let id = 0; id < 400; id++) verify(id)
  clock.ms += 25
  await turnEnds()
  t.equal(verified.length, 2 + 2 + 25 / 0.125)
})

t.test('VerificationLine passes errors on to those whose they are', async t => {
  const { line, verify } = start()
  const fail = () => line.verify(() => { throw new Error('not this one') })
  t.throws(fail, { message: 'not this one' })
  verify(1, 1)
  const waiting = Promise.resolve(fail())
  const next = verify(2)
  await t.rejects(waiting, { message: 'not this one' })
  t.equal(await next, 2)
})
