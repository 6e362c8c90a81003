import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { catalogue, Problem, type ProblemCode } from '../problems/catalogue.ts'
import { problemBody } from '../problems/body.ts'
import { noteRejection, requestOf } from './requests-in-progress.ts'
import { securityHeaders } from './security-headers.ts'

/** Node keeps the response that is next to be sent, and the request that is being read, under names of its own. */
type AnsweringSocket = Socket & { _httpMessage?: ServerResponse | null, parser?: { incoming?: IncomingMessage | null } | null }

/** Sockets whose answer has been sent, or waits for the one before. */
const settled = new WeakSet<Socket>()

/**
 * A `clientErrorHandler` for Fastify: answers what is not HTTP enough to become a request, after what came before it on the connection.
 * No limit holds for that, so one is logged in a while, and those after it are only counted.
 */
export function brokenRequestHandler (): (this: FastifyInstance, error: Error & { code?: string }, socket: AnsweringSocket) => void {
  let unsaid = 0
  let lastSaid = -Infinity
  return function (error, socket) {
    answer(this, error, socket, line => {
      const isTime = performance.now() - lastSaid >= pause
      this.log[isTime ? 'info' : 'debug']({ ...line, ...(isTime && unsaid > 0 && { unsaid }) }, 'request')
      if (isTime) lastSaid = performance.now()
      unsaid = isTime ? 0 : unsaid + 1
    })
  }
}

function answer (fastify: FastifyInstance, error: Error & { code?: string }, socket: AnsweringSocket, log: (line: Record<string, unknown>) => void): void {
  if (error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  // Node tells of every piece that comes after the first that was wrong.
  if (settled.has(socket)) return
  settled.add(socket)
  const pending = socket._httpMessage?.writableFinished === false ? socket._httpMessage : undefined
  if (pending !== undefined) {
    // A request that came whole has its answer on the way: what is written now would be taken for it.
    if (pending.req.complete) {
      pending.once('finish', () => {
        if (!socket.writable) return
        settled.delete(socket)
        answer(fastify, error, socket, log)
      })
      return
    }
    // And here for a part of it.
    if (pending.headersSent) {
      socket.destroy()
      return
    }
  }
  // Bytes after a request that said it would be the last, or in the body of one: it has been answered.
  const isAnswered = pending === undefined && socket.parser?.incoming?.complete === false
  if (!socket.writable || error.code === 'HPE_CLOSED_CONNECTION' || isAnswered) {
    close(socket)
    return
  }
  const [code, detail] = brokenRequests[error.code ?? ''] ?? notHttp
  const problem = new Problem(code, detail)
  const request = pending && requestOf(socket, pending)
  const reqId = request?.id ?? randomUUID()
  const body = JSON.stringify(problemBody(problem, reqId))
  if (request === undefined) {
    log({ reqId, status: catalogue[code][0], code, reason: error.code })
    fastify.noteBrokenRequest?.(code)
  } else if (error.code !== 'HPE_INVALID_EOF_STATE') {
    // The request is logged when its connection closes. One whose client ended the connection within the body counts as left.
    noteRejection(request, problem)
  }
  socket.write([
    `HTTP/1.1 ${catalogue[code][0]} ${catalogue[code][1]}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${reqId}`,
    ...Object.entries(securityHeaders).map(([name, value]) => `${name}: ${value}`),
    'Connection: close',
    '',
    body
  ].join('\r\n'))
  close(socket)
}

// Closed at once, the answer might be lost; not at all, a client that goes on sending would keep the connection.
function close (socket: Socket): void {
  socket.end()
  setTimeout(() => socket.destroy(), linger).unref()
}

/** How long there is no second line about requests that are broken, in milliseconds. */
const pause = 5_000
/** How long a client may take to read why its connection is closed, in milliseconds. */
const linger = 1_000

const notHttp: [ProblemCode, string] = ['validation_failed', 'This is not a well-formed HTTP request.']
const brokenRequests: Partial<Record<string, [ProblemCode, string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'The request did not arrive in time.'],
  HPE_HEADER_OVERFLOW: ['headers_too_large', 'The headers are larger than is taken here.'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['payload_too_large', 'The chunk extensions are larger than is taken here.']
}
