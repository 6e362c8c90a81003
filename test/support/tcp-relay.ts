import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** A relay in front of a server, which can go silent, cut its connections, and be pointed elsewhere. */
export class TcpRelay {
  target: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #silent = false

  private constructor (target: number) {
    this.target = target
    this.#server = createServer(client => this.#relay(client))
  }

  static async start (target: number): Promise<TcpRelay> {
    const relay = new TcpRelay(target)
    await new Promise<void>(resolve => relay.#server.listen(0, '127.0.0.1', resolve))
    return relay
  }

  get port (): number {
    const { port }: AddressInfo = Object(this.#server.address())
    return port
  }

  /** From now on nothing passes, and nothing is said of it: as when a host is gone. */
  silence (): void {
    this.#silent = true
    for (const socket of this.#sockets) socket.pause()
  }

  /** What comes on new connections passes again; the old ones stay silent, as a lost host's do. */
  restore (): void {
    this.#silent = false
  }

  cut (): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async close (): Promise<void> {
    this.cut()
    await new Promise(resolve => this.#server.close(resolve))
  }

  #relay (client: Socket): void {
    this.#keep(client)
    if (this.#silent) {
      client.pause()
      return
    }
    const server = this.#keep(connect(this.target, '127.0.0.1'))
    for (const [from, to] of [[client, server], [server, client]] as const) {
      from.on('data', chunk => {
        if (to.writable) to.write(chunk)
      })
      from.once('close', () => to.destroy())
    }
  }

  #keep (socket: Socket): Socket {
    this.#sockets.add(socket)
    return socket.once('close', () => this.#sockets.delete(socket)).on('error', () => {})
  }
}
