import t from 'tap'
import { GatheredReads } from '../../src/database/batch-loader.ts'

/** A source whose value the test changes, and that notes what it was asked for at once. */
function source () {
  const state = { value: 'first', asked: Array.from<string[]>([]) }
  const reads = new GatheredReads((questions: string[]) => {
    state.asked.push(questions)
    return async question => {
      if (question === 'broken') throw new Error('broken')
      const { value } = state
      await new Promise(setImmediate)
      return `${question}: ${value}`
    }
  })
  return { state, ask: (question: string) => reads.ask(question, question) }
}

t.test('what is asked for in one turn is read in one go, and the same once', async t => {
  const { state, ask } = source()
  t.strictSame(await Promise.all(['a', 'b', 'a', 'c', 'b'].map(ask)), ['a: first', 'b: first', 'a: first', 'c: first', 'b: first'])
  t.strictSame(state.asked, [['a', 'b', 'c']])
})

t.test('of more than a thousand, a thousand are read in one go', async t => {
  const { state, ask } = source()
  const questions = Array.from({ length: 2_001 }, (_, n) => `${n}`)
  t.strictSame(await Promise.all(questions.map(ask)), questions.map(question => `${question}: first`))
  t.strictSame(state.asked.map(({ length }) => length), [1_000, 1_000, 1])
  t.strictSame(state.asked.flat(), questions)
})

t.test('whoever asks once a reading has begun gets what is there then, also while it is under way', async t => {
  const { state, ask } = source()
  const before = ask('a')
  await new Promise(setImmediate)
  t.strictSame(state.asked, [['a']])
  state.value = 'second'
  const after = ask('a')
  t.equal(await before, 'a: first')
  t.equal(await after, 'a: second')
  t.equal(await ask('a'), 'a: second')
})

t.test('a change that was made while others asked already is seen by all of them', async t => {
  const { state, ask } = source()
  const before = ask('a')
  state.value = 'second'
  t.strictSame(await Promise.all([before, ask('a')]), ['a: second', 'a: second'])
})

t.test('a failure is that of those who asked for it, and of nobody after', async t => {
  const { ask } = source()
  const outcomes = await Promise.allSettled(['broken', 'a', 'broken'].map(ask))
  t.strictSame(outcomes.map(({ status }) => status), ['rejected', 'fulfilled', 'rejected'])
  await t.rejects(ask('broken'), { message: 'broken' })
  t.equal(await ask('a'), 'a: first')
})

t.test('so is one from before anything was read', async t => {
  const reads = new GatheredReads<string, string>(() => { throw new Error('not even begun') })
  const outcomes = await Promise.allSettled(['a', 'b'].map(question => reads.ask(question, question)))
  t.strictSame(outcomes.map(({ status }) => status), ['rejected', 'rejected'])
})

t.test('GatheredReads gives others a turn of the event loop between two groups', async t => {
  const order: string[] = []
  const reads = new GatheredReads((questions: number[]) => {
    order.push(`read ${questions.length}`)
    setImmediate(() => order.push('another'))
    return async question => question
  }, 2)
  t.strictSame(await Promise.all([1, 2, 3, 4, 5].map(question => reads.ask(`${question}`, question))), [1, 2, 3, 4, 5])
  t.strictSame(order, ['read 2', 'another', 'read 2', 'another', 'read 1'])
})
