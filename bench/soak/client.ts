import { Users, type UsersOptions } from './users.ts'
import { Articles, type ExpectedArticle } from './articles.ts'
import { PacedSender } from './paced-sender.ts'
import { pick } from './pick-random.ts'
import { requestHealth, sendInvalidRequest, sendInvalidToken, sendForbiddenToken } from './rejected-requests.ts'
import type { Traffic } from './traffic.ts'

export interface ClientOptions extends UsersOptions {
  name: string
  traffic: Traffic
  intervalMs: number
}

/**
 * A client with a few users. It sends one request after the other, and no other client changes its articles.
 * So it can predict each response, whichever replica sends it. It leaves an article alone whose last write
 * had no response.
 */
export class Client {
  readonly #sender: PacedSender
  readonly #users: Users
  readonly #articles: Articles
  readonly #actions: (() => Promise<void>)[]

  constructor (options: ClientOptions) {
    const sender = this.#sender = new PacedSender(options.name, options.traffic, options.intervalMs)
    const users = this.#users = new Users(sender, options)
    const articles = this.#articles = new Articles(sender, users)
    // The numbers are weights: an action with 20 is chosen ten times as often as one with 2.
    this.#actions = [
      ...times(20, () => articles.read()),
      ...times(12, () => articles.list()),
      ...times(6, () => articles.search()),
      ...times(6, () => users.me()),
      ...times(8, () => articles.write()),
      ...times(8, () => articles.writeOnce()),
      ...times(8, () => articles.rename()),
      ...times(3, () => articles.renameOfOthers()),
      ...times(8, () => articles.remove()),
      ...times(14, () => sendInvalidToken(sender, users)),
      ...times(2, () => sendForbiddenToken(sender, users)),
      ...times(6, () => users.administer()),
      ...times(2, () => users.disable()),
      ...times(1, () => users.signOut()),
      ...times(1, () => articles.removeUser()),
      ...times(2, () => users.confirm()),
      ...times(1, () => users.requestAsStranger()),
      ...times(3, () => requestHealth(sender)),
      ...times(6, () => sendInvalidRequest(sender, users))
    ]
  }

  get articles (): Map<number, ExpectedArticle> {
    return this.#articles.expected
  }

  get uncertain (): Articles['uncertain'] {
    return this.#articles.uncertain
  }

  /** Sends requests until `stop` is called. */
  async run (): Promise<void> {
    while (this.#sender.isRunning) {
      if (this.#users.hasRoom) await this.#users.add()
      else await pick(this.#actions)()
    }
  }

  stop (): void {
    this.#sender.isRunning = false
  }
}

function times<Item> (count: number, item: Item): Item[] {
  return Array.from({ length: count }, () => item)
}
