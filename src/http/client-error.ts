import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { problemBody } from '../problems/body.ts'
import { catalogue, Problem, type ProblemCode } from '../problems/catalogue.ts'
import { findRequest, socketProblem } from './requests-in-progress.ts'
import { securityHeaders } from './security-headers.ts'

type ClientError = Error & { code?: string }

/** Private members of Node's sockets: the response that is sent next, and the request that is being read. */
type HttpSocket = Socket & { _httpMessage?: ServerResponse | null, parser?: { incoming?: IncomingMessage | null } | null }

/** The shortest time between two log lines about client errors. */
const logIntervalMs = 5_000
/** The time in which a client can read the response before its connection is destroyed. */
const lingerMs = 1_000

/**
 * Sockets whose error has its response, or waits for the response before it. Node reports every piece after
 * the first wrong one.
 */
const handledSockets = new WeakSet<Socket>()

/**
 * Creates a `clientErrorHandler` for Fastify. It responds to bytes that are no HTTP request, after the
 * responses to the requests before them on the connection, and closes the connection. The rate limit does not
 * cover these errors, so one in `logIntervalMs` is logged at the level info.
 */
export function createClientErrorHandler (): (this: FastifyInstance, error: ClientError, socket: HttpSocket) => void {
  let suppressedLines = 0
  let lastLineMs = -Infinity
  return function (error, socket) {
    handleClientError(this, error, socket, line => {
      const isDue = performance.now() - lastLineMs >= logIntervalMs
      this.log[isDue ? 'info' : 'debug']({ ...line, ...(isDue && suppressedLines > 0 && { suppressedLines }) }, 'request')
      if (isDue) lastLineMs = performance.now()
      suppressedLines = isDue ? 0 : suppressedLines + 1
    })
  }
}

function handleClientError (fastify: FastifyInstance, error: ClientError, socket: HttpSocket, log: (line: object) => void): void {
  if (error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  if (handledSockets.has(socket)) return
  handledSockets.add(socket)

  const pending = socket._httpMessage?.writableFinished === false ? socket._httpMessage : undefined
  // The request before the error is complete: the client would take this response for its response.
  if (pending?.req.complete === true) {
    pending.once('finish', () => {
      if (!socket.writable) return
      handledSockets.delete(socket)
      handleClientError(fastify, error, socket, log)
    })
    return
  }
  // The client would take this response for a part of the body.
  if (pending?.headersSent === true) {
    socket.destroy()
    return
  }
  // Bytes after the last request of a connection, or in the body of a request that has its response.
  const hasResponse = pending === undefined && socket.parser?.incoming?.complete === false
  if (!socket.writable || error.code === 'HPE_CLOSED_CONNECTION' || hasResponse) close(socket)
  else respond(fastify, error, socket, pending, log)
}

function respond (fastify: FastifyInstance, error: ClientError, socket: HttpSocket, pending: ServerResponse | undefined, log: (line: object) => void): void {
  const [code, detail] = problems[error.code ?? ''] ?? notHttp
  const problem = new Problem(code, detail)
  const request = pending && findRequest(socket, pending)
  const reqId = request?.id ?? randomUUID()
  if (request === undefined) {
    log({ reqId, status: catalogue[code][0], code, reason: error.code })
    fastify.countClientError?.(code)
  } else if (error.code !== 'HPE_INVALID_EOF_STATE') {
    // The request is logged when its connection closes. A client that ends the connection within the body is
    // logged as 499.
    request[socketProblem] = problem
  }
  socket.write(serializeResponse(problem, reqId))
  close(socket)
}

function serializeResponse (problem: Problem, requestId: string): string {
  const [status, title] = catalogue[problem.code]
  const body = JSON.stringify(problemBody(problem, requestId))
  return [
    `HTTP/1.1 ${status} ${title}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
    ...Object.entries(securityHeaders).map(([name, value]) => `${name}: ${value}`),
    'Connection: close',
    '',
    body
  ].join('\r\n')
}

// Destroying the socket at once could lose the response. Without an end, a client that keeps sending would
// keep the connection.
function close (socket: Socket): void {
  socket.end()
  setTimeout(() => socket.destroy(), lingerMs).unref()
}

const notHttp: [ProblemCode, string] = ['validation_failed', 'The bytes are not a well-formed HTTP request.']
const problems: Partial<Record<string, [ProblemCode, string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'The request did not arrive in time.'],
  HPE_HEADER_OVERFLOW: ['headers_too_large', 'The headers are too large. Send fewer or shorter headers.'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['payload_too_large', 'The chunk extensions of the body are too large.']
}
