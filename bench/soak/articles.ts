import { isDeepStrictEqual } from 'node:util'
import type { Accounts } from './accounts.ts'
import type { Caller } from './caller.ts'
import type { Person } from './people.ts'
import { pick } from './pick.ts'
import type { Answer } from './traffic.ts'

/** An article as its client was told that it is. */
export interface KnownArticle {
  id: number
  name: string
  author: Person
  /** Undefined where the article shows something else since it was read. */
  tag: string | undefined
}

const mostArticles = 40

/** What the people of one client do with their articles, and what each article has to be by that. */
export class Articles {
  readonly known = new Map<number, KnownArticle>()
  /** Articles, and names of articles, of which may be true what was asked for or what was before. */
  readonly doubtful = { ids: new Set<number>(), names: new Set<string>() }
  readonly #caller: Caller
  readonly #accounts: Accounts

  constructor (caller: Caller, accounts: Accounts) {
    this.#caller = caller
    this.#accounts = accounts
  }

  async read (): Promise<void> {
    const article = this.#some
    if (article === undefined) return
    const { tag } = article
    const conditional = tag !== undefined && Math.random() < 0.3
    const answer = await this.#caller.ask({ path: `/articles/${article.id}`, token: this.#accounts.someone.token(), headers: conditional ? { 'if-none-match': tag } : {}, due: [conditional ? '304' : '200'] })
    if (answer === undefined || conditional) return
    this.#caller.check(this.#shows(article, answer.body), `article ${article.id} is not as it was acknowledged, ${article.name}`, answer)
    if (tag !== undefined) this.#caller.check(answer.headers.etag === tag, `article ${article.id} has another tag, and has not changed`, answer)
    article.tag = String(answer.headers.etag)
  }

  async list (): Promise<void> {
    const after = pick([0, ...this.known.keys()])
    const [limit, order] = [pick([1, 10, 50, 100]), pick(['asc', 'desc'])]
    const answer = await this.#caller.ask({ path: `/articles?limit=${limit}&order=${order}${after > 0 ? `&after=${after}` : ''}`, token: this.#accounts.someone.token(), due: ['200'] })
    if (answer === undefined) return
    const shown: { id: number }[] = Array.from(Object(answer.body))
    const sorted = shown.every(({ id }, index) => index === 0 || Math.sign(id - (shown[index - 1]?.id ?? 0)) === (order === 'asc' ? 1 : -1))
    this.#caller.check(sorted && shown.length <= limit, 'the page is not in order, or too long', answer)
    const wrong = shown.find(({ id }) => this.known.has(id) && !this.#shows(this.known.get(id) ?? this.#none(), shown.find(article => article.id === id)))
    this.#caller.check(wrong === undefined, `article ${wrong?.id} is not as it was acknowledged`, answer)
  }

  /** A search finds all that the client knows of, and nothing else of its names. */
  async search (): Promise<void> {
    const found: { id: number, name: string }[] = []
    const token = this.#accounts.someone.token()
    let answer: Answer | undefined
    for (let path: string | undefined = `/articles?q=${this.#caller.name}-&limit=${pick([25, 100])}`; path !== undefined;) {
      answer = await this.#caller.ask({ path, token, due: ['200'] })
      if (answer === undefined) return
      found.push(...Object(answer.body))
      path = /<([^>]+)>/.exec(String(answer.headers.link))?.[1]
    }
    if (answer === undefined) return
    const sure = found.filter(({ id, name }) => !this.doubtful.ids.has(id) && !this.doubtful.names.has(name))
    const wrong = sure.filter(article => !this.#shows(this.known.get(article.id) ?? this.#none(), article))
    this.#caller.check(wrong.length === 0, `the search finds what is not so: ${JSON.stringify(wrong[0])}`, answer)
    const missing = [...this.known.values()].find(({ id }) => !sure.some(article => article.id === id))
    this.#caller.check(missing === undefined, `the search does not find article ${missing?.id}, ${missing?.name}`, answer)
  }

  async write (): Promise<void> {
    if (this.known.size >= mostArticles) return this.remove()
    const [author, name] = [this.#accounts.someone, this.#caller.nextName()]
    const answer = await this.#caller.ask({ method: 'POST', path: '/articles', token: author.token(), body: { name }, due: ['201'] })
    if (answer === undefined) this.doubtful.names.add(name)
    else this.#learn(author, name, answer)
  }

  /** With an Idempotency-Key it is known in the end: the request is repeated until it is answered. */
  async writeOnce (): Promise<void> {
    if (this.known.size >= mostArticles) return this.remove()
    const [author, name] = [this.#accounts.someone, this.#caller.nextName()]
    const create = (due: string, body = { name }) => this.#caller.ask({ method: 'POST', path: '/articles', token: author.token(), headers: { 'idempotency-key': name }, body, due: [due] })
    let answer = await create('201')
    while (answer === undefined && this.#caller.isGoing) answer = await create('201')
    if (answer === undefined) {
      this.doubtful.names.add(name)
      return
    }
    this.#learn(author, name, answer)
    if (Math.random() < 0.3) {
      const again = await create('201')
      if (again !== undefined) this.#caller.check(isDeepStrictEqual(again.body, answer.body), `a retry of ${name} was answered otherwise than at first, with ${JSON.stringify(answer.body)}`, again)
    } else if (Math.random() < 0.3) await create('422 idempotency_mismatch', { name: 'Another' })
  }

  async rename (): Promise<void> {
    const article = this.#some
    if (article === undefined || article.author.parted) return
    const { tag } = article
    const name = this.#caller.nextName()
    const stale = tag !== undefined && Math.random() < 0.2
    const headers: Record<string, string> = stale ? { 'if-match': '"stale"' } : tag !== undefined && Math.random() < 0.7 ? { 'if-match': tag } : {}
    const answer = await this.#caller.ask({ method: 'PATCH', path: `/articles/${article.id}`, token: article.author.token(), headers, body: { name }, due: [stale ? '412 precondition_failed' : '200'] })
    if (stale) return
    if (answer === undefined) {
      this.#doubt(article)
      return
    }
    article.name = name
    article.tag = String(answer.headers.etag)
    this.#caller.check(this.#shows(article, answer.body), `article ${article.id} was renamed to ${name}, and is not`, answer)
  }

  async renameOfOthers (): Promise<void> {
    const article = this.#some
    const person = this.#accounts.someone
    if (article === undefined || article.author === person) return
    await this.#caller.ask({ method: pick(['PATCH', 'DELETE']), path: `/articles/${article.id}`, token: person.token(), body: { name: 'Not mine' }, due: ['403 forbidden'] })
  }

  async remove (): Promise<void> {
    const article = this.#some
    if (article === undefined) return
    const mayRemove = article.author.parted ? this.#accounts.admin : article.author
    if (mayRemove.id === 0) await this.#accounts.introduce(mayRemove)
    if (mayRemove.id === 0) return
    const answer = await this.#caller.ask({ method: 'DELETE', path: `/articles/${article.id}`, token: mayRemove.token(), due: ['204'] })
    if (answer === undefined) {
      this.#doubt(article)
      return
    }
    this.known.delete(article.id)
    await this.#caller.ask({ path: `/articles/${article.id}`, token: this.#accounts.someone.token(), due: ['404 not_found'] })
  }

  /** What somebody wrote stays, without an author. */
  async removeUser (): Promise<void> {
    const person = this.#accounts.someone
    const answer = await this.#caller.ask({ method: 'DELETE', path: `/admin/users/${person.id}`, token: this.#accounts.admin.token(), due: ['204'] })
    this.#accounts.partWith(person)
    const articles = [...this.known.values()].filter(({ author }) => author === person)
    if (answer === undefined) articles.forEach(article => this.#doubt(article))
    else {
      person.removed = true
      for (const article of articles) article.tag = undefined
      await this.#caller.ask({ path: '/me', token: person.newToken('access'), due: ['403 no_such_user'] })
    }
  }

  get #some (): KnownArticle | undefined {
    return this.known.size === 0 ? undefined : pick([...this.known.values()])
  }

  #doubt (article: KnownArticle): void {
    this.known.delete(article.id)
    this.doubtful.ids.add(article.id)
  }

  #shows (article: KnownArticle, shown: unknown): boolean {
    const { id, name, author } = Object(shown)
    return id === article.id && name === article.name && author === (article.author.removed ? null : article.author.username)
  }

  #learn (author: Person, name: string, answer: Answer): void {
    const article = { id: Number(Object(answer.body).id), name, author, tag: String(answer.headers.etag) }
    this.#caller.check(this.#shows(article, answer.body), `the article made as ${name} is another`, answer)
    this.known.set(article.id, article)
  }

  /** Stands for an article that there is not. */
  #none (): KnownArticle {
    return { id: 0, name: '', author: this.#accounts.admin, tag: undefined }
  }
}
