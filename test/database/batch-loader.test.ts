import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { BatchLoader } from '../../src/database/batch-loader.ts'

/** A loader over a value that the test changes. It records the batches. */
function startLoader () {
  const state = { value: 'first', batches: Array.from<string[]>([]) }
  const loader = new BatchLoader(async (items: string[]) => {
    state.batches.push(items)
    if (items.includes('broken')) throw new Error('broken')
    const { value } = state
    await nextTurn()
    return items.map(item => `${item}: ${value}`)
  })
  return { state, load: (item: string) => loader.load(item, item) }
}

t.test('BatchLoader loads all items of a turn in one batch, and equal keys once', async t => {
  const { state, load } = startLoader()
  t.strictSame(await Promise.all(['a', 'b', 'a', 'c', 'b'].map(load)), ['a: first', 'b: first', 'a: first', 'c: first', 'b: first'])
  t.strictSame(state.batches, [['a', 'b', 'c']])
})

t.test('BatchLoader loads at most 1,000 items in one batch', async t => {
  const { state, load } = startLoader()
  const items = Array.from({ length: 2_001 }, (_, n) => `${n}`)
  t.strictSame(await Promise.all(items.map(load)), items.map(item => `${item}: first`))
  t.strictSame(state.batches.map(({ length }) => length), [1_000, 1_000, 1])
  t.strictSame(state.batches.flat(), items)
})

t.test('BatchLoader loads a value again for a load after the dispatch, also while the first batch is in progress', async t => {
  const { state, load } = startLoader()
  const before = load('a')
  await nextTurn()
  t.strictSame(state.batches, [['a']])
  state.value = 'second'
  const after = load('a')
  t.equal(await before, 'a: first')
  t.equal(await after, 'a: second')
  t.equal(await load('a'), 'a: second')
})

t.test('BatchLoader loads a change that was made between a load and the dispatch', async t => {
  const { state, load } = startLoader()
  const before = load('a')
  state.value = 'second'
  t.strictSame(await Promise.all([before, load('a')]), ['a: second', 'a: second'])
})

t.test('BatchLoader rejects every load of a batch that fails, and no later one', async t => {
  const { load } = startLoader()
  const outcomes = await Promise.allSettled(['broken', 'a', 'broken'].map(load))
  t.strictSame(outcomes.map(({ status }) => status), ['rejected', 'rejected', 'rejected'])
  await t.rejects(load('broken'), { message: 'broken' })
  t.equal(await load('a'), 'a: first')
})

t.test('BatchLoader rejects a batch whose function throws at once, or returns too few values', async t => {
  for (const [message, loader] of Object.entries({
    'not even begun': new BatchLoader<string, string>(() => { throw new Error('not even begun') }),
    'a batch of 2 items loaded 1 values': new BatchLoader<string, string>(async () => ['a'])
  })) {
    const outcomes = await Promise.allSettled(['a', 'b'].map(item => loader.load(item, item)))
    t.match(outcomes, [{ reason: { message } }, { reason: { message } }])
  }
})

t.test('BatchLoader gives other work a turn of the event loop between two batches', async t => {
  const order: string[] = []
  const loader = new BatchLoader(async (items: number[]) => {
    order.push(`load ${items.length}`)
    setImmediate(() => order.push('other'))
    return items
  }, 2)
  t.strictSame(await Promise.all([1, 2, 3, 4, 5].map(item => loader.load(`${item}`, item))), [1, 2, 3, 4, 5])
  t.strictSame(order, ['load 2', 'other', 'load 2', 'other', 'load 1'])
})
