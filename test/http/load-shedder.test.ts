import { setImmediate as turnEnds, setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { LoadShedder, type Queue } from '../../src/http/load-shedder.ts'

interface Shedding {
  shedder: LoadShedder
  /** The calls of `onChange`. */
  changes: boolean[]
  /** The queues that the shedder sees. */
  database: { queue: Queue | undefined }
  tokens: { queue: Queue }
}

function start (): Shedding {
  const changes: boolean[] = []
  const database: { queue: Queue | undefined } = { queue: undefined }
  const tokens = { queue: { waiting: 0, wait: 0 } }
  const shedder = new LoadShedder({ databaseQueue: () => database.queue, tokenQueue: () => tokens.queue, onChange: change => { changes.push(change) } })
  return { shedder, changes, database, tokens }
}

function work (ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/**
 * Sends requests in one turn of the event loop. Each accepted one takes `ms` of work. Returns whether each
 * was rejected.
 */
async function turn ({ shedder }: Shedding, requests: number, ms: number, hasNewToken = false): Promise<boolean[]> {
  const rejected = Array.from({ length: requests }, () => {
    const isRejected = shedder.rejects(() => hasNewToken)
    if (!isRejected) work(ms)
    return isRejected
  })
  await turnEnds()
  return rejected
}

/** Runs long turns until the shedder sheds load. */
async function overload (shedding: Shedding): Promise<void> {
  while (shedding.changes.at(-1) !== true) await turn(shedding, 80, 2)
}

/** Runs short turns until the shedder sheds load because of a long queue. */
async function overloadByQueue (shedding: Shedding): Promise<void> {
  for (const end = performance.now() + 20_000; shedding.changes.length === 0 && performance.now() < end;) {
    await turn(shedding, 1, 0)
    await wait(80)
  }
}

function neverSheds (t: Test, { changes }: Shedding): void {
  t.strictSame(changes, [])
}

t.test('LoadShedder accepts bursts with pauses between them', async t => {
  const shedding = start()
  for (let n = 0; n < 4; n++) {
    t.notOk((await turn(shedding, 100, 3)).includes(true))
    await wait(200)
    await turn(shedding, 10, 0)
  }
  neverSheds(t, shedding)
})

t.test('LoadShedder accepts bursts that are far apart', async t => {
  const shedding = start()
  for (let n = 0; n < 3; n++) {
    await turn(shedding, 100, 1)
    await wait(600)
  }
  neverSheds(t, shedding)
})

t.test('LoadShedder accepts few requests that take long', async t => {
  const shedding = start()
  for (let n = 0; n < 8; n++) await turn(shedding, 20, 5)
  neverSheds(t, shedding)
})

t.test('LoadShedder accepts what fits into a turn after repeated long turns', async t => {
  const shedding = start()
  await overload(shedding)
  await turn(shedding, 200, 3)
  const rejected = await turn(shedding, 200, 3)
  t.equal(rejected.filter(isRejected => !isRejected).length, 64, '64 are accepted, however long they take')
})

t.test('LoadShedder sees long turns between turns with few requests', async t => {
  const shedding = start()
  const round = async () => {
    const rejected = await turn(shedding, 300, 0.5)
    for (let n = 0; n < 3; n++) await turn(shedding, 1, 10)
    return rejected.filter(isRejected => !isRejected).length
  }
  for (const end = performance.now() + 20_000; shedding.changes.length === 0 && performance.now() < end;) await round()
  t.strictSame(shedding.changes, [true])
  await round()
  const accepted = await round()
  t.ok(accepted >= 64 && accepted <= 150, `${accepted} of 300`)
})

t.test('LoadShedder accepts few clients again soon after an overload, however long their requests take', async t => {
  const shedding = start()
  await overload(shedding)
  await turn(shedding, 40, 3)
  const end = performance.now() + 20_000
  while (shedding.changes.at(-1) === true && performance.now() < end) await turn(shedding, 40, 3)
  t.strictSame(shedding.changes, [true, false])
})

t.test('LoadShedder draws the accepted requests by lot', async t => {
  const shedding = start()
  await overload(shedding)
  const accepted = new Set<number>()
  for (const end = performance.now() + 20_000; accepted.size < 150 && performance.now() < end;) {
    for (const [index, isRejected] of (await turn(shedding, 150, 2)).entries()) if (!isRejected) accepted.add(index)
  }
  t.equal(accepted.size, 150, 'each of 150 places was accepted once')
})

t.test('LoadShedder accepts requests again in a turn that does not end', async t => {
  const shedding = start()
  await overload(shedding)
  const rejected: boolean[] = []
  for (let n = 0; n < 64; n++) rejected.push(shedding.shedder.rejects(() => false))
  while (!rejected.includes(true)) rejected.push(shedding.shedder.rejects(() => false))
  while (rejected.at(-1) === true) rejected.push(shedding.shedder.rejects(() => false))
  t.equal(rejected.at(-1), false)
})

t.test('LoadShedder ends shedding after an interval without a queue', async t => {
  const shedding = start()
  await overload(shedding)
  while (shedding.changes.at(-1) === true) await turn(shedding, 10, 0)
  t.strictSame(shedding.changes, [true, false])
  t.notOk((await turn(shedding, 100, 1)).includes(true))
})

t.test('LoadShedder accepts a request after a rest, though the last turn before the rest rejected some', async t => {
  for (let n = 0; n < 4; n++) {
    const shedding = start()
    await overload(shedding)
    while (!(await turn(shedding, 1_000, 0)).includes(true));
    await wait(1_000)
    t.strictSame(await turn(shedding, 1, 0), [false])
    t.strictSame(shedding.changes, [true, false])
  }
})

t.test('LoadShedder rejects all requests while the database queue stays long', async t => {
  const shedding = start()
  shedding.database.queue = { waiting: 65, wait: 101 }
  await turn(shedding, 1, 0)
  shedding.database.queue = { waiting: 65, wait: 99 }
  for (const queue of [{ waiting: 65, wait: 100 }, { waiting: 63, wait: 5_000 }, undefined]) {
    shedding.database.queue = queue
    for (const end = performance.now() + 600; performance.now() < end;) await turn(shedding, 1, 0)
  }
  neverSheds(t, shedding)

  shedding.database.queue = { waiting: 65, wait: 101 }
  await overloadByQueue(shedding)
  t.strictSame(await turn(shedding, 1, 0), [true], 'every request waits for the database')
  shedding.database.queue = { waiting: 65, wait: 99 }
  t.strictSame(await turn(shedding, 1, 0), [false])
})

t.test('LoadShedder rejects only requests with new tokens while the token queue stays long', async t => {
  const shedding = start()
  shedding.tokens.queue = { waiting: 65, wait: 101 }
  await overloadByQueue(shedding)
  t.strictSame(await turn(shedding, 1, 0, true), [true])
  t.strictSame(await turn(shedding, 1, 0), [false])
  shedding.tokens.queue = { waiting: 63, wait: 101 }
  t.strictSame(await turn(shedding, 1, 0, true), [false])
})

t.test('LoadShedder accepts requests with cached tokens beside a crowd of new tokens', async t => {
  const shedding = start()
  const { shedder } = shedding
  await overload(shedding)
  shedding.tokens.queue = { waiting: 65, wait: 101 }
  for (let n = 0; n < 6; n++) {
    t.notOk(Array.from({ length: 300 }, () => shedder.rejects(() => true)).includes(false))
    const rejected = Array.from({ length: 30 }, () => shedder.rejects(() => false))
    // The expected length of a turn comes from the turns before it.
    if (n > 0) t.notOk(rejected.includes(true))
    await turnEnds()
  }
})
