import { randomUUID } from 'node:crypto'
import BetterSqlite3 from 'better-sqlite3'
import t, { type Test } from 'tap'
import { bearer, environment, startPool } from '../../support/app.ts'
import { startService, until, type RunningService } from '../../support/service-process.ts'

const kills = 6
const clientCount = 4
const minResponsesBetweenKills = 20

t.test('every acknowledged write survives six kills of the service', async t => {
  const pool = await startPool(t)
  const path = `${t.testdir()}/articles.db`
  const variables = environment(pool, { DATABASE_URL: `sqlite:${path}` })
  const clients = Array.from({ length: clientCount }, (_, n) => new Client(n, bearer(pool.idToken({ sub: `client ${n}`, 'cognito:username': `client${n}`, email: `client${n}@example.com` }))))
  let service = await startService(t, variables, { covered: false })
  for (let kill = 0; kill < kills; kill++) {
    const killed = service.exited
    const work = clients.map(client => client.workUntil(killed, service))
    const enough = minResponsesBetweenKills * (1 + Math.random()) + countResponses(clients)
    await until(() => countResponses(clients) > enough)
    service.child.kill('SIGKILL')
    t.equal(await killed, 'SIGKILL')
    await Promise.all(work)
    service = await startService(t, variables, { covered: false })
  }
  for (const client of clients) await client.retryAll(service)
  service.child.kill('SIGTERM')
  t.equal(await service.exited, 0)
  checkFile(t, path, clients)
})

function countResponses (clients: Client[]): number {
  return clients.reduce((sum, { responses }) => sum + responses, 0)
}

function checkFile (t: Test, path: string, clients: Client[]): void {
  const file = new BetterSqlite3(path, { readonly: true })
  t.teardown(() => file.close())
  t.equal(file.pragma('integrity_check', { simple: true }), 'ok')
  const stored = new Map<number, string>()
  const named = new Map<string, number>()
  for (const { id, name } of file.prepare<[], { id: number, name: string }>('select id, name from articles').all()) {
    stored.set(id, name)
    named.set(name, (named.get(name) ?? 0) + 1)
  }
  const created = clients.flatMap(client => [...client.created])
  const changed = clients.flatMap(client => [...client.changed])
  const keyed = clients.flatMap(client => [...client.keyed.values()])
  t.ok(created.length > kills && changed.length > 0 && keyed.length > kills, `${created.length} created, ${changed.length} changed, ${keyed.length} with a key`)
  t.strictSame(created.filter(([id, name]) => stored.get(id) !== name), [], 'every acknowledged article')
  t.strictSame(changed.filter(([id, names]) => !names.includes(stored.get(id) ?? '')), [], 'every acknowledged change, or a later one')
  t.strictSame(keyed.filter(name => named.get(name) !== 1), [], 'one article per key')
}

/** A client that records every response. */
class Client {
  /** The acknowledged names by id. */
  readonly created = new Map<number, string>()
  /** By id of the article: the last acknowledged name, and the names sent after it. */
  readonly changed = new Map<number, string[]>()
  /** The names by key. All were sent, and some have no response. */
  readonly keyed = new Map<string, string>()
  responses = 0
  readonly #number: number
  readonly #headers: Record<string, string>
  #count = 0
  #own: number | undefined

  constructor (number: number, headers: Record<string, string>) {
    this.#number = number
    this.#headers = { ...headers, 'content-type': 'application/json' }
  }

  async workUntil (exited: Promise<unknown>, service: RunningService): Promise<void> {
    while (await Promise.race([exited, undefined]) === undefined) {
      // A killed service resets its connections and rejects new ones.
      await this.#work(service.url).catch((error: unknown) => { if (!(error instanceof TypeError)) throw error })
    }
  }

  async #work (url: string): Promise<void> {
    const name = `client ${this.#number}, article ${this.#count++}`
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
    if (!response.ok) throw new Error(`${method} ${url} failed with ${response.status} ${body.code}`)
    this.responses++
    return body
  }
}
