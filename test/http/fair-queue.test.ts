import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { FairQueue } from '../../src/http/fair-queue.ts'

/** A queue with tasks that run until `endOne`, and the users in the order in which their tasks started. */
function startQueue (options: { maxRunning: number, maxWaiting: number, maxWaitingPerUser: number }) {
  const queue = new FairQueue(options)
  const started: string[] = []
  const ends: (() => void)[] = []
  return {
    started,
    run: (user: string) => queue.run(user, () => new Promise<void>(resolve => {
      started.push(user)
      ends.push(resolve)
    })),
    async endOne () {
      ends.shift()?.()
      await nextTurn()
    }
  }
}

t.test('FairQueue runs at most `maxRunning` tasks at once, and users take turns', async t => {
  const { started, run, endOne } = startQueue({ maxRunning: 2, maxWaiting: 100, maxWaitingPerUser: 100 })
  const tasks = ['a', 'a', 'a', 'a', 'a', 'b', 'b', 'c'].map(run)
  t.strictSame(started, ['a', 'a'])
  for (let n = 0; n < tasks.length; n++) await endOne()
  t.strictSame(started, ['a', 'a', 'a', 'b', 'c', 'a', 'b', 'a'])
  await Promise.all(tasks)

  const later = [run('d'), run('d'), run('d')]
  t.strictSame(started.slice(8), ['d', 'd'], 'both places are free again')
  for (let n = 0; n < 3; n++) await endOne()
  await Promise.all(later)
})

t.test('FairQueue rejects a user with too many waiting tasks, and no other user', async t => {
  const { started, run, endOne } = startQueue({ maxRunning: 1, maxWaiting: 3, maxWaitingPerUser: 2 })
  const tasks = ['a', 'a', 'a'].map(run)
  await t.rejects(run('a'), { code: 'rate_limited' })
  tasks.push(run('b'))
  await t.rejects(run('c'), { code: 'overloaded' }, 'the queue is full')
  for (let n = 0; n < 4; n++) await endOne()
  await Promise.all(tasks)
  t.strictSame(started, ['a', 'a', 'b', 'a'])
})

t.test('FairQueue runs the next task after a task has failed', async t => {
  const queue = new FairQueue({ maxRunning: 1, maxWaiting: 10, maxWaitingPerUser: 10 })
  const failing = queue.run('a', async () => { throw new Error('no') })
  const next = queue.run('a', async () => 'done')
  await t.rejects(failing, /no/)
  t.equal(await next, 'done')
})
