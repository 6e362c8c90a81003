import { setImmediate as turnEnds, setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { type Line, LoadShedder } from '../../src/http/load-shedder.ts'

interface Shedding {
  shedder: LoadShedder
  /** What the shedder said of itself, in turn. */
  changes: boolean[]
  /** What it sees of the database, and of the tokens to be verified. */
  database: { line: Line | undefined }
  tokens: { line: Line }
}

function start (): Shedding {
  const changes: boolean[] = []
  const database: { line: Line | undefined } = { line: undefined }
  const tokens = { line: { waiting: 0, wait: 0 } }
  const shedder = new LoadShedder({ databaseLine: () => database.line, tokenLine: () => tokens.line, onChange: change => { changes.push(change) } })
  return { shedder, changes, database, tokens }
}

function work (ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/** A turn of the event loop in which so many requests come, each with so much to do; which of them were refused. */
async function turn ({ shedder }: Shedding, requests: number, ms: number, hasNewToken = false): Promise<boolean[]> {
  const refused = Array.from({ length: requests }, () => {
    const isRefused = shedder.refuses(() => hasNewToken)
    if (!isRefused) work(ms)
    return isRefused
  })
  await turnEnds()
  return refused
}

/** Turns that are too long, until the shedder sheds. */
async function overload (shedding: Shedding): Promise<void> {
  while (shedding.changes.at(-1) !== true) await turn(shedding, 80, 2)
}

/** Turns with little to do, until the shedder sheds for a line that is long. */
async function overloadByLine (shedding: Shedding): Promise<void> {
  for (const end = performance.now() + 20_000; shedding.changes.length === 0 && performance.now() < end;) {
    await turn(shedding, 1, 0)
    await wait(80)
  }
}

function neverSheds (t: Test, { changes }: Shedding): void {
  t.strictSame(changes, [])
}

t.test('a burst, and a pause, are no overload', async t => {
  const shedding = start()
  for (let n = 0; n < 4; n++) {
    t.notOk((await turn(shedding, 100, 3)).includes(true))
    await wait(200)
    await turn(shedding, 10, 0)
  }
  neverSheds(t, shedding)
})

t.test('nor are bursts far apart', async t => {
  const shedding = start()
  for (let n = 0; n < 3; n++) {
    await turn(shedding, 100, 1)
    await wait(600)
  }
  neverSheds(t, shedding)
})

t.test('nor are few requests that take long', async t => {
  const shedding = start()
  for (let n = 0; n < 8; n++) await turn(shedding, 20, 5)
  neverSheds(t, shedding)
})

t.test('turns that are too long again and again are, and then as many are taken as a turn has time for', async t => {
  const shedding = start()
  await overload(shedding)
  await turn(shedding, 200, 3)
  const refused = await turn(shedding, 200, 3)
  t.equal(refused.filter(isRefused => !isRefused).length, 64, 'a few, however long they take')
})

t.test('turns with few requests, in which many are answered, do not hide them', async t => {
  const shedding = start()
  const round = async () => {
    const refused = await turn(shedding, 300, 0.5)
    for (let n = 0; n < 3; n++) await turn(shedding, 1, 10)
    return refused.filter(isRefused => !isRefused).length
  }
  for (const end = performance.now() + 20_000; shedding.changes.length === 0 && performance.now() < end;) await round()
  t.strictSame(shedding.changes, [true])
  await round()
  const taken = await round()
  t.ok(taken >= 64 && taken <= 150, `${taken} of 300`)
})

t.test('few clients are taken again soon after an overload, however long their requests take', async t => {
  const shedding = start()
  await overload(shedding)
  await turn(shedding, 40, 3)
  const end = performance.now() + 20_000
  while (shedding.changes.at(-1) === true && performance.now() < end) await turn(shedding, 40, 3)
  t.strictSame(shedding.changes, [true, false])
})

t.test('who is taken is drawn by lot', async t => {
  const shedding = start()
  await overload(shedding)
  const taken = new Set<number>()
  for (const end = performance.now() + 20_000; taken.size < 150 && performance.now() < end;) {
    for (const [index, isRefused] of (await turn(shedding, 150, 2)).entries()) if (!isRefused) taken.add(index)
  }
  t.equal(taken.size, 150, 'sooner or later whoever asks')
})

t.test('in a turn that does not end, requests are taken again after a while', async t => {
  const shedding = start()
  await overload(shedding)
  const refused: boolean[] = []
  for (let n = 0; n < 64; n++) refused.push(shedding.shedder.refuses(() => false))
  while (!refused.includes(true)) refused.push(shedding.shedder.refuses(() => false))
  while (refused.at(-1) === true) refused.push(shedding.shedder.refuses(() => false))
  t.equal(refused.at(-1), false)
})

t.test('shedding ends when there has been no line for a while', async t => {
  const shedding = start()
  await overload(shedding)
  while (shedding.changes.at(-1) === true) await turn(shedding, 10, 0)
  t.strictSame(shedding.changes, [true, false])
  t.notOk((await turn(shedding, 100, 1)).includes(true))
})

t.test('whoever comes after a rest is taken, though the last turn before it refused', async t => {
  for (let n = 0; n < 4; n++) {
    const shedding = start()
    await overload(shedding)
    while (!(await turn(shedding, 1_000, 0)).includes(true));
    await wait(1_000)
    t.strictSame(await turn(shedding, 1, 0), [false])
    t.strictSame(shedding.changes, [true, false])
  }
})

t.test('a long line for the database is an overload where it stays', async t => {
  const shedding = start()
  shedding.database.line = { waiting: 65, wait: 101 }
  await turn(shedding, 1, 0)
  shedding.database.line = { waiting: 65, wait: 99 }
  for (const line of [{ waiting: 65, wait: 100 }, { waiting: 63, wait: 5_000 }, undefined]) {
    shedding.database.line = line
    for (const end = performance.now() + 600; performance.now() < end;) await turn(shedding, 1, 0)
  }
  neverSheds(t, shedding)

  shedding.database.line = { waiting: 65, wait: 101 }
  await overloadByLine(shedding)
  t.strictSame(await turn(shedding, 1, 0), [true], 'whoever comes, since all wait there')
  shedding.database.line = { waiting: 65, wait: 99 }
  t.strictSame(await turn(shedding, 1, 0), [false])
})

t.test('a long line of new tokens is an overload for those who would join it', async t => {
  const shedding = start()
  shedding.tokens.line = { waiting: 65, wait: 101 }
  await overloadByLine(shedding)
  t.strictSame(await turn(shedding, 1, 0, true), [true])
  t.strictSame(await turn(shedding, 1, 0), [false])
  shedding.tokens.line = { waiting: 63, wait: 101 }
  t.strictSame(await turn(shedding, 1, 0, true), [false])
})

t.test('whose token is known is not drawn out of a crowd whose tokens are not', async t => {
  const shedding = start()
  const { shedder } = shedding
  await overload(shedding)
  shedding.tokens.line = { waiting: 65, wait: 101 }
  for (let n = 0; n < 6; n++) {
    t.notOk(Array.from({ length: 300 }, () => shedder.refuses(() => true)).includes(false))
    const refused = Array.from({ length: 30 }, () => shedder.refuses(() => false))
    // What is expected of a turn is what came in those before.
    if (n > 0) t.notOk(refused.includes(true))
    await turnEnds()
  }
})
