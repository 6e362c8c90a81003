import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** A TCP relay that can drop all data, cut its connections and change its target. */
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

  /** Drops all data from now on, like a host that has lost power. */
  silence (): void {
    this.#silent = true
    for (const socket of this.#sockets) socket.pause()
  }

  /** Relays new connections again. The old connections stay silent, like those of a lost host. */
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
