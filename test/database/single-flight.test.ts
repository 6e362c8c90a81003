import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { SingleFlight } from '../../src/database/single-flight.ts'

/** Work over a value that the test changes. It records the runs. */
function startWork () {
  const state = { value: 'first', runs: Array.from<string>([]) }
  const flights = new SingleFlight<string>(16)
  const run = (key: string) => flights.run(key, async () => {
    state.runs.push(key)
    if (key === 'broken') throw new Error('broken')
    const { value } = state
    await nextTurn()
    return `${key}: ${value}`
  })
  return { state, run }
}

t.test('SingleFlight runs the work of equal keys in one turn once', async t => {
  const { state, run } = startWork()
  t.strictSame(await Promise.all(['a', 'b', 'a'].map(run)), ['a: first', 'b: first', 'a: first'])
  t.strictSame(state.runs, ['a', 'b'])
})

t.test('SingleFlight runs the work again for a call after the start, also while the first run is in progress', async t => {
  const { state, run } = startWork()
  const before = run('a')
  await nextTurn()
  state.value = 'second'
  const after = run('a')
  t.equal(await before, 'a: first')
  t.equal(await after, 'a: second')
})

t.test('SingleFlight starts the work after the turn, and sees a change that was made in it', async t => {
  const { state, run } = startWork()
  const before = run('a')
  state.value = 'second'
  t.strictSame(await Promise.all([before, run('a')]), ['a: second', 'a: second'])
})

t.test('SingleFlight rejects the calls of a run that fails, and no others', async t => {
  const { run } = startWork()
  const outcomes = await Promise.allSettled(['broken', 'a', 'broken'].map(run))
  t.strictSame(outcomes.map(({ status }) => status), ['rejected', 'fulfilled', 'rejected'])
  t.equal(await run('a'), 'a: first')
})

t.test('SingleFlight gives other work a turn of the event loop after so many starts', async t => {
  const order: string[] = []
  const flights = new SingleFlight<void>(2)
  await Promise.all(['a', 'b', 'c'].map(key => flights.run(key, async () => {
    order.push(key)
    if (key === 'b') setImmediate(() => order.push('other'))
  })))
  t.strictSame(order, ['a', 'b', 'other', 'c'])
})
