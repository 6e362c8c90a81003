import { randomUUID } from 'node:crypto'
import BetterSqlite3 from 'better-sqlite3'
import t, { type Test } from 'tap'
import { bearer, environment, startPool } from '../../support/app.ts'
import { startService, until, type RunningService } from '../../support/service-process.ts'

const kills = 6
const clients = 4
/** How much is acknowledged at least between two kills. */
const leastAnswers = 20

t.test('what was acknowledged is there after the service was killed again and again while it was writing', async t => {
  const pool = await startPool(t)
  const path = `${t.testdir()}/articles.db`
  const variables = environment(pool, { DATABASE_URL: `sqlite:${path}` })
  const clerks = Array.from({ length: clients }, (_, n) => new Clerk(n, bearer(pool.idToken({ sub: `clerk ${n}`, 'cognito:username': `clerk${n}`, email: `clerk${n}@example.com` }))))
  let service = await startService(t, variables, { covered: false })
  for (let kill = 0; kill < kills; kill++) {
    const killed = service.exited
    const work = clerks.map(clerk => clerk.workUntil(killed, service))
    const enough = leastAnswers * (1 + Math.random()) + answers(clerks)
    await until(() => answers(clerks) > enough)
    service.child.kill('SIGKILL')
    t.equal(await killed, 'SIGKILL')
    await Promise.all(work)
    service = await startService(t, variables, { covered: false })
  }
  for (const clerk of clerks) await clerk.retryAll(service)
  service.child.kill('SIGTERM')
  t.equal(await service.exited, 0)
  checkFile(t, path, clerks)
})

function answers (clerks: Clerk[]): number {
  return clerks.reduce((sum, { answers }) => sum + answers, 0)
}

function checkFile (t: Test, path: string, clerks: Clerk[]): void {
  const file = new BetterSqlite3(path, { readonly: true })
  t.teardown(() => file.close())
  t.equal(file.pragma('integrity_check', { simple: true }), 'ok')
  const stored = new Map<number, string>()
  const named = new Map<string, number>()
  for (const { id, name } of file.prepare<[], { id: number, name: string }>('select id, name from articles').all()) {
    stored.set(id, name)
    named.set(name, (named.get(name) ?? 0) + 1)
  }
  const created = clerks.flatMap(clerk => [...clerk.created])
  const changed = clerks.flatMap(clerk => [...clerk.changed])
  const keyed = clerks.flatMap(clerk => [...clerk.keyed.values()])
  t.ok(created.length > kills && changed.length > 0 && keyed.length > kills, `${created.length} created, ${changed.length} changed, ${keyed.length} with a key`)
  t.strictSame(created.filter(([id, name]) => stored.get(id) !== name), [], 'every article that was acknowledged')
  t.strictSame(changed.filter(([id, names]) => !names.includes(stored.get(id) ?? '')), [], 'every change that was acknowledged, or one after it')
  t.strictSame(keyed.filter(name => named.get(name) !== 1), [], 'one article for each key')
}

/** A client that remembers what it was told. */
class Clerk {
  /** Names by id, as they were acknowledged. */
  readonly created = new Map<number, string>()
  /** By id of the article: the name that was acknowledged last, and those sent after it. */
  readonly changed = new Map<number, string[]>()
  /** Names by key; all were sent, and not all were answered. */
  readonly keyed = new Map<string, string>()
  answers = 0
  readonly #number: number
  readonly #headers: Record<string, string>
  #count = 0
  #own: number | undefined

  constructor (number: number, headers: Record<string, string>) {
    this.#number = number
    this.#headers = { ...headers, 'content-type': 'application/json' }
  }

  async workUntil (gone: Promise<unknown>, service: RunningService): Promise<void> {
    while (await Promise.race([gone, undefined]) === undefined) {
      // A service that is killed breaks connections off, and refuses new ones.
      await this.#work(service.url).catch((error: unknown) => { if (!(error instanceof TypeError)) throw error })
    }
  }

  async #work (url: string): Promise<void> {
    const name = `clerk ${this.#number}, article ${this.#count++}`
    const { id } = await this.#send('POST', `${url}/articles`, name)
    this.created.set(id, name)

    const key = randomUUID()
    this.keyed.set(key, `${name}, keyed`)
    await this.#send('POST', `${url}/articles`, `${name}, keyed`, key)

    this.#own ??= (await this.#send('POST', `${url}/articles`, `${name}, changed`)).id
    const names = this.changed.get(this.#own) ?? []
    this.changed.set(this.#own, names)
    names.push(`${name}, changed`)
    await this.#send('PATCH', `${url}/articles/${this.#own}`, `${name}, changed`)
    names.splice(0, names.length - 1)
  }

  async retryAll ({ url }: RunningService): Promise<void> {
    for (const [key, name] of this.keyed) await this.#send('POST', `${url}/articles`, name, key)
  }

  async #send (method: string, url: string, name: string, key?: string): Promise<{ id: number }> {
    const response = await fetch(url, { method, headers: { ...this.#headers, ...key !== undefined && { 'idempotency-key': key } }, body: JSON.stringify({ name }) })
    const body: { id: number, code?: string } = Object(await response.json())
    if (!response.ok) throw new Error(`${method} ${url} was answered with ${response.status} ${body.code}`)
    this.answers++
    return body
  }
}
