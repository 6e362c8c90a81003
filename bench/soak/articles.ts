import { isDeepStrictEqual } from 'node:util'
import type { Users } from './users.ts'
import type { PacedSender } from './paced-sender.ts'
import type { PoolUser } from './pool-user.ts'
import { pick } from './pick-random.ts'
import type { SoakResponse } from './traffic.ts'

/** An article as the last response showed it to its client. */
export interface ExpectedArticle {
  id: number
  name: string
  author: PoolUser
  /** Undefined when the article has changed since the last response. */
  etag: string | undefined
}

const maxArticles = 40

/** The requests of one client for articles, and the state that each article must have. */
export class Articles {
  readonly expected = new Map<number, ExpectedArticle>()
  /** The ids and names of articles whose last write had no response. The write may have happened. */
  readonly uncertain = { ids: new Set<number>(), names: new Set<string>() }
  readonly #sender: PacedSender
  readonly #users: Users

  constructor (sender: PacedSender, users: Users) {
    this.#sender = sender
    this.#users = users
  }

  async read (): Promise<void> {
    const article = this.#any
    if (article === undefined) return
    const { etag } = article
    const conditional = etag !== undefined && Math.random() < 0.3
    const response = await this.#sender.send({ path: `/articles/${article.id}`, token: this.#users.any.token(), headers: conditional ? { 'if-none-match': etag } : {}, expected: [conditional ? '304' : '200'] })
    if (response === undefined || conditional) return
    this.#sender.check(this.#matches(article, response.body), `article ${article.id} does not match the acknowledged name ${article.name}`, response)
    if (etag !== undefined) this.#sender.check(response.headers.etag === etag, `article ${article.id} has another entity tag without a change`, response)
    article.etag = String(response.headers.etag)
  }

  async list (): Promise<void> {
    const after = pick([0, ...this.expected.keys()])
    const [limit, order] = [pick([1, 10, 50, 100]), pick(['asc', 'desc'])]
    const response = await this.#sender.send({ path: `/articles?limit=${limit}&order=${order}${after > 0 ? `&after=${after}` : ''}`, token: this.#users.any.token(), expected: ['200'] })
    if (response === undefined) return
    const shown: { id: number }[] = Array.from(Object(response.body))
    const sorted = shown.every(({ id }, index) => index === 0 || Math.sign(id - (shown[index - 1]?.id ?? 0)) === (order === 'asc' ? 1 : -1))
    this.#sender.check(sorted && shown.length <= limit, 'the page is unordered or too long', response)
    const wrong = shown.find(({ id }) => this.expected.has(id) && !this.#matches(this.expected.get(id) ?? this.#missing(), shown.find(article => article.id === id)))
    this.#sender.check(wrong === undefined, `article ${wrong?.id} does not match the acknowledged one`, response)
  }

  /** A search for the names of this client must find exactly its articles. */
  async search (): Promise<void> {
    const found: { id: number, name: string }[] = []
    const token = this.#users.any.token()
    let response: SoakResponse | undefined
    for (let path: string | undefined = `/articles?q=${this.#sender.name}-&limit=${pick([25, 100])}`; path !== undefined;) {
      response = await this.#sender.send({ path, token, expected: ['200'] })
      if (response === undefined) return
      found.push(...Object(response.body))
      path = /<([^>]+)>/.exec(String(response.headers.link))?.[1]
    }
    if (response === undefined) return
    const sure = found.filter(({ id, name }) => !this.uncertain.ids.has(id) && !this.uncertain.names.has(name))
    const wrong = sure.filter(article => !this.#matches(this.expected.get(article.id) ?? this.#missing(), article))
    this.#sender.check(wrong.length === 0, `the search finds a wrong article: ${JSON.stringify(wrong[0])}`, response)
    const missing = [...this.expected.values()].find(({ id }) => !sure.some(article => article.id === id))
    this.#sender.check(missing === undefined, `the search does not find article ${missing?.id}, ${missing?.name}`, response)
  }

  async write (): Promise<void> {
    if (this.expected.size >= maxArticles) return this.remove()
    const [author, name] = [this.#users.any, this.#sender.nextName()]
    const response = await this.#sender.send({ method: 'POST', path: '/articles', token: author.token(), body: { name }, expected: ['201'] })
    if (response === undefined) this.uncertain.names.add(name)
    else this.#expect(author, name, response)
  }

  /** An Idempotency-Key allows a retry until there is a response. */
  async writeOnce (): Promise<void> {
    if (this.expected.size >= maxArticles) return this.remove()
    const [author, name] = [this.#users.any, this.#sender.nextName()]
    const create = (outcome: string, body = { name }) => this.#sender.send({ method: 'POST', path: '/articles', token: author.token(), headers: { 'idempotency-key': name }, body, expected: [outcome] })
    let response = await create('201')
    while (response === undefined && this.#sender.isRunning) response = await create('201')
    if (response === undefined) {
      this.uncertain.names.add(name)
      return
    }
    this.#expect(author, name, response)
    if (Math.random() < 0.3) {
      const again = await create('201')
      if (again !== undefined) this.#sender.check(isDeepStrictEqual(again.body, response.body), `a retry of ${name} got another response than the first request, ${JSON.stringify(response.body)}`, again)
    } else if (Math.random() < 0.3) await create('422 idempotency_mismatch', { name: 'Another' })
  }

  async rename (): Promise<void> {
    const article = this.#any
    if (article === undefined || article.author.isDropped) return
    const { etag } = article
    const name = this.#sender.nextName()
    const stale = etag !== undefined && Math.random() < 0.2
    const headers: Record<string, string> = stale ? { 'if-match': '"stale"' } : etag !== undefined && Math.random() < 0.7 ? { 'if-match': etag } : {}
    const response = await this.#sender.send({ method: 'PATCH', path: `/articles/${article.id}`, token: article.author.token(), headers, body: { name }, expected: [stale ? '412 precondition_failed' : '200'] })
    if (stale) return
    if (response === undefined) {
      this.#makeUncertain(article)
      return
    }
    article.name = name
    article.etag = String(response.headers.etag)
    this.#sender.check(this.#matches(article, response.body), `article ${article.id} does not show its new name ${name}`, response)
  }

  async renameOfOthers (): Promise<void> {
    const article = this.#any
    const user = this.#users.any
    if (article === undefined || article.author === user) return
    await this.#sender.send({ method: pick(['PATCH', 'DELETE']), path: `/articles/${article.id}`, token: user.token(), body: { name: 'Not mine' }, expected: ['403 forbidden'] })
  }

  async remove (): Promise<void> {
    const article = this.#any
    if (article === undefined) return
    const mayRemove = article.author.isDropped ? this.#users.admin : article.author
    if (mayRemove.id === 0) await this.#users.provision(mayRemove)
    if (mayRemove.id === 0) return
    const response = await this.#sender.send({ method: 'DELETE', path: `/articles/${article.id}`, token: mayRemove.token(), expected: ['204'] })
    if (response === undefined) {
      this.#makeUncertain(article)
      return
    }
    this.expected.delete(article.id)
    await this.#sender.send({ path: `/articles/${article.id}`, token: this.#users.any.token(), expected: ['404 not_found'] })
  }

  /** The articles of a removed user stay, without an author. */
  async removeUser (): Promise<void> {
    const user = this.#users.any
    const response = await this.#sender.send({ method: 'DELETE', path: `/admin/users/${user.id}`, token: this.#users.admin.token(), expected: ['204'] })
    this.#users.drop(user)
    const articles = [...this.expected.values()].filter(({ author }) => author === user)
    if (response === undefined) articles.forEach(article => this.#makeUncertain(article))
    else {
      user.removed = true
      for (const article of articles) article.etag = undefined
      // The provisioning is `auto`, so the next token makes a new local user.
      const again = await this.#sender.send({ path: '/me', token: user.newToken('access'), expected: ['200'] })
      if (again !== undefined) this.#sender.check(Object(again.body).id !== user.id, `the removed user ${user.username} is back`, again)
    }
  }

  get #any (): ExpectedArticle | undefined {
    return this.expected.size === 0 ? undefined : pick([...this.expected.values()])
  }

  #makeUncertain (article: ExpectedArticle): void {
    this.expected.delete(article.id)
    this.uncertain.ids.add(article.id)
  }

  #matches (article: ExpectedArticle, shown: unknown): boolean {
    const { id, name, author } = Object(shown)
    return id === article.id && name === article.name && author === (article.author.removed ? null : article.author.username)
  }

  #expect (author: PoolUser, name: string, response: SoakResponse): void {
    const article = { id: Number(Object(response.body).id), name, author, etag: String(response.headers.etag) }
    this.#sender.check(this.#matches(article, response.body), `the created article is not ${name}`, response)
    this.expected.set(article.id, article)
  }

  /** Matches no article. */
  #missing (): ExpectedArticle {
    return { id: 0, name: '', author: this.#users.admin, etag: undefined }
  }
}
