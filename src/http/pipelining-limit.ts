import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** The requests in progress of one connection. Browsers and HTTP libraries do not pipeline at all. */
const maxPipelined = 128
/** The requests in progress of the process. Beyond this number, a connection may have one. */
const maxInProgress = 1_000

interface PipeliningLimit {
  /** The requests in progress of the connection. */
  ofConnection: (socket: object) => number
  /** The requests in progress of the process. */
  ofProcess: () => number
  /** Called for each connection that was closed. */
  onClose: () => void
}

/**
 * Closes a connection that pipelines too many requests, before Fastify builds anything for them. Node parses
 * everything that it has read from a socket, up to 64 kB, before any response is sent. So 300 connections
 * with 1,200 tiny requests each create 360,000 requests in one turn of the event loop. That ended a process
 * with a heap of 192 MB (2026-11-28). Only the parser itself can stop within such a chunk.
 */
export function limitPipelining (server: Server, { ofConnection, ofProcess, onClose }: PipeliningLimit): void {
  const listeners = server.listeners('request')
  server.removeAllListeners('request')
  server.on('request', (request, response) => {
    const { socket } = request
    if (socket.destroyed) return
    const pipelined = ofConnection(socket)
    if (pipelined >= maxPipelined || (pipelined > 0 && ofProcess() >= maxInProgress)) {
      stopParser(socket)
      socket.destroy()
      onClose()
      return
    }
    for (const listener of listeners) listener.call(server, request, response)
  })
}

/** Node keeps the parser of a socket under this name. */
type ParsedSocket = Socket & { parser?: { onIncoming: (() => number) | null } | null }

/**
 * Stops the parser after the next request line and headers. It treats the status 2 as an upgrade, after which
 * no HTTP follows. A destroyed socket keeps each parsed request until the close phase of the event loop,
 * after all sockets were read.
 */
function stopParser (socket: ParsedSocket): void {
  if (socket.parser != null) socket.parser.onIncoming = () => 2
}
