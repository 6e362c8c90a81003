// Runs on SQLite and PostgreSQL.
import { createServer, Agent, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { bearer, environment, newDatabase, startApp, startPool } from '../support/app.ts'
import { administrator, codes, person } from '../support/people.ts'
import { run, until } from '../support/service-process.ts'

/** Sends the same request to each replica in turn. */
async function startReplicas (t: Test) {
  const pool = await startPool(t)
  const DATABASE_URL = await newDatabase(t)
  const [one, other] = [(await startApp(t, { DATABASE_URL }, pool)).app, (await startApp(t, { DATABASE_URL }, pool)).app]
  const here = (username: string, claims = {}) => person(one, pool, username, claims)
  const there = (username: string, claims = {}) => person(other, pool, username, claims)
  return { here, there, root: administrator(other, pool) }
}

t.test('a change on one replica is visible to the next request on another', async t => {
  const { here, there } = await startReplicas(t)
  const [alice, also] = [here('alice'), there('alice')]
  t.strictSame((await also.request('GET', '/articles')).json(), [])
  for (let n = 1; n <= 20; n++) {
    const [from, to] = n % 2 ? [alice, also] : [also, alice]
    const created = (await from.request('POST', '/articles', { payload: { name: `Article ${n}` } })).json()
    t.strictSame((await to.request('GET', '/articles')).json().at(-1), created)
    t.equal((await from.request('PATCH', `/articles/${created.id}`, { payload: { name: 'Changed' } })).statusCode, 200)
    t.equal((await to.request('GET', `/articles/${created.id}`)).json().name, 'Changed')
    t.equal((await to.request('GET', '/articles')).json().at(-1).name, 'Changed')
    t.equal((await to.request('DELETE', `/articles/${created.id}`)).statusCode, 204)
    t.equal((await from.request('GET', `/articles/${created.id}`)).statusCode, 404)
    t.strictSame((await from.request('GET', '/articles')).json(), [])
  }
})

t.test('a user disabled or enabled on one replica is rejected or accepted by the next request on another', async t => {
  const { here, root } = await startReplicas(t)
  const alice = here('alice')
  const { id } = (await alice.request('GET', '/me')).json()
  for (let n = 0; n < 5; n++) {
    t.equal((await root.request('PATCH', `/admin/users/${id}`, { payload: { disabled: true } })).statusCode, 200)
    t.strictSame(codes(await alice.request('GET', '/articles')), [403, 'user_disabled'])
    t.equal((await root.request('PATCH', `/admin/users/${id}`, { payload: { disabled: false } })).statusCode, 200)
    t.equal((await alice.request('GET', '/articles')).statusCode, 200)
  }
  t.equal((await root.request('DELETE', `/admin/users/${id}`)).statusCode, 204)
  const again = (await alice.request('GET', '/me')).json()
  t.not(again.id, id, 'a user of the same identity is a new one')
})

t.test('a session signed out on one replica is rejected by the next request on another', async t => {
  const { here, there } = await startReplicas(t)
  const [alice, also, bob] = [here('alice'), there('alice'), there('bob')]
  for (const { request } of [alice, also, bob]) t.equal((await request('GET', '/me')).statusCode, 200)
  t.equal((await alice.request('POST', '/me/sign-out')).statusCode, 204)
  t.strictSame(codes(await also.request('GET', '/articles')), [401, 'invalid_auth_token'])
  t.equal((await bob.request('GET', '/articles')).statusCode, 200)
})

t.test('a rolling restart under load drops no request and loses no article', async t => {
  const pool = await startPool(t)
  const DATABASE_URL = await newDatabase(t)
  const balancer = await startBalancer(t)
  const start = async () => {
    const service = run(t, 'src/server.ts', environment(pool, { DATABASE_URL, PORT: '0' }), { covered: false })
    const address = () => /Server listening at (http:[^"]+)/.exec(service.output.stdout)?.[1]
    await until(() => address() !== undefined || service.child.exitCode !== null)
    balancer.add(address() ?? '')
    await until(() => balancer.serves(address() ?? ''))
    return service
  }
  const replicas = [await start(), await start()]

  const statuses: Record<string, number> = {}
  const acknowledged: string[] = []
  const work = { going: true }
  const clients = Array.from({ length: 6 }, async (_, client) => {
    const headers = { ...bearer(pool.idToken({ sub: `${client}`, 'cognito:username': `client-${client}`, email: `${client}@example.com` })), 'content-type': 'application/json' }
    for (let n = 0; work.going; n++) {
      const name = `${client}-${n}`
      const response = n % 2
        ? await fetch(`${balancer.url}/articles?limit=1`, { headers })
        : await fetch(`${balancer.url}/articles`, { method: 'POST', headers, body: JSON.stringify({ name }) })
      await response.arrayBuffer()
      statuses[response.status] = (statuses[response.status] ?? 0) + 1
      if (response.status === 201) acknowledged.push(name)
    }
  })

  for (const old of replicas) {
    await start()
    old.child.kill('SIGTERM')
    t.equal(await old.exited, 0)
    t.match(old.output.stdout, '"msg":"stopping"')
  }
  work.going = false
  await Promise.all(clients)

  t.strictSame(Object.keys(statuses), ['200', '201'], JSON.stringify(statuses))
  t.strictSame(await missing(acknowledged, pool.idToken(), balancer.url), [])
})

async function missing (names: string[], token: string, url: string): Promise<string[]> {
  const stored = new Set<string>()
  for (let next: string | undefined = '/articles?limit=100'; next !== undefined;) {
    const response: Response = await fetch(new URL(next, url), { headers: bearer(token) })
    const articles: { name: string }[] = JSON.parse(await response.text())
    for (const { name } of articles) stored.add(name)
    next = /<([^>]+)>; rel="next"/.exec(response.headers.get('link') ?? '')?.[1]
  }
  return names.filter(name => !stored.has(name))
}

/** A round-robin load balancer over the ready services. It checks their readiness four times a second. */
async function startBalancer (t: Test) {
  const ready = new Map<string, boolean>()
  const agent = new Agent({ keepAlive: true })
  let turn = 0
  const server = createServer((incoming, outgoing) => {
    const serving = [...ready].filter(([, isReady]) => isReady)
    const [address] = serving[turn++ % serving.length] ?? []
    if (address === undefined) {
      outgoing.writeHead(502).end()
      return
    }
    const forwarded = httpRequest(new URL(incoming.url ?? '/', address), { method: incoming.method, headers: incoming.headers, agent }, answer => {
      const { connection: _, ...headers } = answer.headers
      outgoing.writeHead(answer.statusCode ?? 502, headers)
      answer.pipe(outgoing)
    })
    forwarded.once('error', () => outgoing.writeHead(502).end())
    incoming.pipe(forwarded)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const asking = setInterval(async () => {
    for (const address of ready.keys()) {
      const isReady = await fetch(`${address}/health/ready`).then(response => response.ok, () => false)
      ready.set(address, isReady)
    }
  }, 250)
  t.teardown(async () => {
    clearInterval(asking)
    agent.destroy()
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  })
  const { port }: AddressInfo = Object(server.address())
  return {
    url: `http://127.0.0.1:${port}`,
    add: (address: string) => ready.set(address, false),
    serves: (address: string) => ready.get(address) === true
  }
}
