import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { userPoolClient } from '../../src/cognito/user-pool-client.ts'

/** Sets environment variables until the test ends. */
function setVariables (t: Test, variables: Record<string, string>): void {
  const before = Object.keys(variables).map(name => [name, process.env[name]] as const)
  Object.assign(process.env, variables)
  t.teardown(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  })
}

/** A proxy that answers plain requests itself, and refuses tunnels. It records the targets of both. */
async function startProxy (t: Test): Promise<{ url: string, targets: string[] }> {
  const targets: string[] = []
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    targets.push(`${request.method} ${request.url}`)
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' }).end('{"Users":[]}')
  })
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    targets.push(`${request.method} ${request.url}`)
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = Object(server.address())
  return { url: `http://127.0.0.1:${port}`, targets }
}

const credentials = { AWS_ACCESS_KEY_ID: 'nobody', AWS_SECRET_ACCESS_KEY: 'nothing' }

t.test('userPoolClient sends its requests through HTTP_PROXY and HTTPS_PROXY', async t => {
  const proxy = await startProxy(t)
  setVariables(t, { ...credentials, HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url, NO_PROXY: '' })
  const plain = userPoolClient('http://cognito.invalid:9229')
  t.teardown(() => plain.close())
  t.strictSame((await plain.listUsers('eu-west-1_Test00001', null)).users, [])
  t.match(proxy.targets, ['POST http://cognito.invalid:9229/'])

  proxy.targets.length = 0
  const secure = userPoolClient(undefined)
  t.teardown(() => secure.close())
  await t.rejects(secure.listUsers('eu-west-1_Test00001', null))
  t.match(proxy.targets[0], 'CONNECT cognito-idp.eu-west-1.amazonaws.com:443')
})

t.test('userPoolClient sends requests to the hosts in NO_PROXY directly', async t => {
  const [proxy, cognito] = [await startProxy(t), await startProxy(t)]
  setVariables(t, { ...credentials, HTTP_PROXY: proxy.url, NO_PROXY: 'localhost,127.0.0.1' })
  const client = userPoolClient(cognito.url)
  t.teardown(() => client.close())
  t.strictSame((await client.listUsers('eu-west-1_Test00001', null)).users, [])
  t.strictSame([proxy.targets, cognito.targets], [[], ['POST /']])
})
