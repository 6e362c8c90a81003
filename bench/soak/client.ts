import { Accounts, type AccountsOptions } from './accounts.ts'
import { Articles, type KnownArticle } from './articles.ts'
import { Caller } from './caller.ts'
import { pick } from './pick.ts'
import { askForHealth, makeMistake, showBadToken, showUselessToken } from './refusals.ts'
import type { Traffic } from './traffic.ts'

export interface ClientOptions extends AccountsOptions {
  name: string
  traffic: Traffic
  /** Milliseconds between two requests. */
  pace: number
}

/**
 * One client: a few people, one request after the other. Nobody else changes what its people wrote, so it knows exactly what it
 * has to be answered, whichever replica it asks. What became of a write whose answer was lost, it does not know, and leaves alone.
 */
export class Client {
  readonly #caller: Caller
  readonly #accounts: Accounts
  readonly #articles: Articles
  readonly #deeds: (() => Promise<void>)[]

  constructor (options: ClientOptions) {
    const caller = this.#caller = new Caller(options.name, options.traffic, options.pace)
    const accounts = this.#accounts = new Accounts(caller, options)
    const articles = this.#articles = new Articles(caller, accounts)
    // What it does, as often as it stands here.
    this.#deeds = [
      ...often(20, () => articles.read()),
      ...often(12, () => articles.list()),
      ...often(6, () => articles.search()),
      ...often(6, () => accounts.me()),
      ...often(8, () => articles.write()),
      ...often(8, () => articles.writeOnce()),
      ...often(8, () => articles.rename()),
      ...often(3, () => articles.renameOfOthers()),
      ...often(8, () => articles.remove()),
      ...often(14, () => showBadToken(caller, accounts)),
      ...often(2, () => showUselessToken(caller, accounts)),
      ...often(6, () => accounts.administer()),
      ...often(2, () => accounts.disable()),
      ...often(1, () => accounts.signOut()),
      ...often(1, () => articles.removeUser()),
      ...often(2, () => accounts.confirm()),
      ...often(1, () => accounts.strangers()),
      ...often(3, () => askForHealth(caller)),
      ...often(6, () => makeMistake(caller, accounts))
    ]
  }

  get articles (): Map<number, KnownArticle> {
    return this.#articles.known
  }

  get doubtful (): Articles['doubtful'] {
    return this.#articles.doubtful
  }

  /** Sends requests until it is stopped. */
  async run (): Promise<void> {
    while (this.#caller.isGoing) {
      if (this.#accounts.areFew) await this.#accounts.welcome()
      else await pick(this.#deeds)()
    }
  }

  stop (): void {
    this.#caller.isGoing = false
  }
}

function often<Item> (times: number, item: Item): Item[] {
  return Array.from({ length: times }, () => item)
}
