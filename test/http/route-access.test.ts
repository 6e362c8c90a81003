import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { guardRoutes, requireAccess } from '../../src/http/route-access.ts'

async function start (t: Test, add: (scope: FastifyInstance) => Promise<void>): Promise<FastifyInstance> {
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(async scope => {
    requireAccess(scope)
    await add(scope)
  })
  await app.ready()
  return app
}

const rejectAll = async () => { throw Object.assign(new Error('rejected'), { statusCode: 401 }) }

t.test('a route that is neither guarded nor public prevents the start', async t => {
  await t.rejects(start(t, async scope => { scope.get('/open', async () => 'open') }), { message: /^GET \/open is neither guarded nor public/ })
})

t.test('a public route is served without a guard', async t => {
  const app = await start(t, async scope => { scope.get('/open', { config: { access: 'public' } }, async () => 'open') })
  t.equal((await app.inject('/open')).statusCode, 200)
})

t.test('a guard holds for the scope and for the scopes below it', async t => {
  const app = await start(t, async scope => {
    guardRoutes(scope, [rejectAll])
    scope.get('/guarded', async () => 'guarded')
    scope.register(async nested => { nested.get('/guarded/nested', async () => 'nested') })
  })
  t.equal((await app.inject('/guarded')).statusCode, 401)
  t.equal((await app.inject('/guarded/nested')).statusCode, 401)
})

t.test('a guard of one scope does not cover the scope beside it', async t => {
  await t.rejects(start(t, async scope => {
    scope.register(async guarded => guardRoutes(guarded, [rejectAll]))
    scope.register(async beside => { beside.get('/beside', async () => 'open') })
  }), { message: /^GET \/beside/ })
})
