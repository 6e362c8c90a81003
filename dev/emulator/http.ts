import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { CognitoError, UnsupportedError } from 'cognito-local/lib/errors.js'

export interface Handlers {
  /** Answers an operation of Cognito's API. */
  call (operation: string, request: unknown): Promise<unknown>
  /** Answers the token endpoint of the pool's domain: a status and a JSON body. */
  token (authorization: string | undefined, form: string): [status: number, body: object]
  /** The static documents, by path. */
  documents: Record<string, object>
}

const maxBytes = 1024 * 1024

/** Speaks Cognito's protocol, AWS JSON 1.1: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html */
export async function answer (request: IncomingMessage, response: ServerResponse, { call, token, documents }: Handlers): Promise<void> {
  // A front end in development has any origin.
  response.setHeader('access-control-allow-origin', '*')
  response.setHeader('access-control-expose-headers', 'x-amzn-requestid, x-amzn-errortype, date')
  response.setHeader('x-amzn-requestid', randomUUID())

  const [path = ''] = (request.url ?? '').split('?', 1)
  if (request.method === 'OPTIONS') {
    response.setHeader('access-control-allow-methods', 'GET, POST, OPTIONS')
    response.setHeader('access-control-allow-headers', request.headers['access-control-request-headers'] ?? '*')
    response.setHeader('access-control-max-age', '600')
    response.writeHead(204).end()
  } else if (request.method === 'GET') {
    const document = Object.hasOwn(documents, path) ? documents[path] : undefined
    send(response, document === undefined ? 404 : 200, 'application/json', document ?? { message: 'Not found' })
  } else if (request.method === 'POST' && path === '/') {
    const [status, body] = await outcome(request, call)
    send(response, status, 'application/x-amz-json-1.1', body)
  } else if (request.method === 'POST' && path === '/oauth2/token') {
    const [status, body] = token(request.headers.authorization, await readBody(request).catch(() => ''))
    response.setHeader('cache-control', 'no-store')
    send(response, status, 'application/json', body)
  } else {
    send(response, 404, 'application/json', { message: 'Not found' })
  }
}

async function outcome (request: IncomingMessage, call: Handlers['call']): Promise<[number, unknown]> {
  try {
    const target = request.headers['x-amz-target']
    const operation = typeof target === 'string' ? target.slice(target.indexOf('.') + 1) : ''
    return [200, await call(operation, JSON.parse(await readBody(request)))]
  } catch (error) {
    if (error instanceof CognitoError) return [400, { __type: error.code, message: error.message }]
    if (error instanceof UnsupportedError) return [400, { __type: 'UnknownOperationException', message: `The emulator does not support this: ${error.message}` }]
    if (error instanceof SyntaxError) return [400, { __type: 'SerializationException', message: error.message }]
    return [500, { __type: 'InternalErrorException', message: String(error) }]
  }
}

async function readBody (request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request) {
    chunks.push(chunk)
    length += chunk.length
    if (length > maxBytes) throw new SyntaxError('The request is too large')
  }
  return Buffer.concat(chunks).toString()
}

function send (response: ServerResponse, status: number, type: string, body: unknown): void {
  response.writeHead(status, { 'content-type': type }).end(`${JSON.stringify(body, dateAsSeconds)}\n`)
}

// AWS JSON has dates in seconds. `JSON.stringify` calls `Date.toJSON` before the replacer, so the replacer
// reads the original.
function dateAsSeconds (this: Record<string, unknown>, key: string, value: unknown): unknown {
  const raw = this[key]
  return raw instanceof Date ? raw.getTime() / 1000 : value
}
