import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { Webhook } from 'standardwebhooks'
import type { UserPool } from '../../test/user-pool.ts'
import type { Circumstances } from './circumstances.ts'
import { Person } from './people.ts'
import { pick } from './pick.ts'
import type { Answer, Ask, Traffic } from './traffic.ts'

/** An article as its client was told that it is. */
export interface KnownArticle {
  id: number
  name: string
  author: Person
  /** Undefined where the article shows something else since it was read. */
  tag: string | undefined
}

export interface ClientOptions {
  name: string
  traffic: Traffic
  pool: UserPool
  circumstances: Circumstances
  webhookSecret: string
  /** Milliseconds between two requests. */
  pace: number
}

const mostPeople = 8
const mostArticles = 40

/**
 * One client: a few people, one request after the other. Nobody else changes what its people wrote, so it knows exactly what it
 * has to be answered, whichever replica it asks. What became of a write whose answer was lost, it does not know, and leaves alone.
 */
export class Client {
  readonly articles = new Map<number, KnownArticle>()
  /** Articles, and names of articles, of which may be true what was asked for or what was before. */
  readonly doubtful = { ids: new Set<number>(), names: new Set<string>() }
  readonly name: string
  readonly #options: ClientOptions
  readonly #admin: Person
  #people: Person[] = []
  #next = 0
  #going = true
  #count = 0

  constructor (options: ClientOptions) {
    this.#options = options
    this.name = options.name
    this.#admin = new Person(options.pool, options.circumstances, `${this.name}-admin`, ['admin'])
  }

  /** Sends requests until it is stopped. */
  async run (): Promise<void> {
    while (this.#going) {
      if (this.#people.length < mostPeople) await this.#welcome()
      else await pick(this.#deeds)()
    }
  }

  stop (): void {
    this.#going = false
  }

  /** What it does, as often as it stands here. */
  readonly #deeds = [
    ...often(20, () => this.#read()),
    ...often(12, () => this.#list()),
    ...often(6, () => this.#search()),
    ...often(6, () => this.#me()),
    ...often(8, () => this.#write()),
    ...often(8, () => this.#writeOnce()),
    ...often(8, () => this.#rename()),
    ...often(3, () => this.#renameOfOthers()),
    ...often(8, () => this.#remove()),
    ...often(14, () => this.#refused()),
    ...often(2, () => this.#barred()),
    ...often(6, () => this.#administer()),
    ...often(2, () => this.#disable()),
    ...often(1, () => this.#signOut()),
    ...often(1, () => this.#removeUser()),
    ...often(2, () => this.#confirm()),
    ...often(1, () => this.#strangers()),
    ...often(3, () => this.#health()),
    ...often(6, () => this.#mistake())
  ]

  async #ask (ask: Ask): Promise<Answer | undefined> {
    const now = performance.now()
    this.#next = Math.max(now, this.#next + this.#options.pace)
    if (this.#next > now) await wait(this.#next - now)
    return this.#options.traffic.ask(ask)
  }

  #check (holds: boolean, what: string, { requestId, body }: Answer): void {
    if (!holds) this.#options.traffic.fail(`${this.name}: ${what}; the answer was ${JSON.stringify(body).slice(0, 300)}`, requestId)
  }

  get #someone (): Person {
    return pick(this.#people)
  }

  get #someArticle (): KnownArticle | undefined {
    return this.articles.size === 0 ? undefined : pick([...this.articles.values()])
  }

  #nextName (): string {
    return `${this.name}-${++this.#count}`
  }

  /** Somebody new, who comes with an id token and is made a local user by that. */
  async #welcome (): Promise<void> {
    const person = new Person(this.#options.pool, this.#options.circumstances, this.#nextName())
    await this.#introduce(person)
    if (person.id > 0) this.#people.push(person)
  }

  async #introduce (person: Person): Promise<void> {
    const answer = await this.#ask({ path: '/me', token: person.newToken(), due: ['200'] })
    if (answer === undefined) return
    const { id, username, sub, email } = Object(answer.body)
    this.#check(username === person.username && sub === person.subject && email === person.email, `/me of ${person.username} is somebody else`, answer)
    person.id = id
  }

  /** Of whom not everything is known any more, or who is gone: an administrator looks after the articles. */
  #partWith (person: Person): void {
    person.parted = true
    this.#people = this.#people.filter(other => other !== person)
  }

  #doubt (article: KnownArticle): void {
    this.articles.delete(article.id)
    this.doubtful.ids.add(article.id)
  }

  #shows (article: KnownArticle, shown: unknown): boolean {
    const { id, name, author } = Object(shown)
    return id === article.id && name === article.name && author === (article.author.removed ? null : article.author.username)
  }

  #learn (author: Person, name: string, answer: Answer): void {
    const article = { id: Number(Object(answer.body).id), name, author, tag: String(answer.headers.etag) }
    this.#check(this.#shows(article, answer.body), `the article made as ${name} is another`, answer)
    this.articles.set(article.id, article)
  }

  async #write (): Promise<void> {
    if (this.articles.size >= mostArticles) return this.#remove()
    const [author, name] = [this.#someone, this.#nextName()]
    const answer = await this.#ask({ method: 'POST', path: '/articles', token: author.token(), body: { name }, due: ['201'] })
    if (answer === undefined) this.doubtful.names.add(name)
    else this.#learn(author, name, answer)
  }

  /** With an Idempotency-Key it is known in the end: the request is repeated until it is answered. */
  async #writeOnce (): Promise<void> {
    if (this.articles.size >= mostArticles) return this.#remove()
    const [author, name] = [this.#someone, this.#nextName()]
    const create = (due: string, body = { name }) => this.#ask({ method: 'POST', path: '/articles', token: author.token(), headers: { 'idempotency-key': name }, body, due: [due] })
    let answer = await create('201')
    while (answer === undefined && this.#going) answer = await create('201')
    if (answer === undefined) {
      this.doubtful.names.add(name)
      return
    }
    this.#learn(author, name, answer)
    if (Math.random() < 0.3) {
      const again = await create('201')
      if (again !== undefined) this.#check(isDeepStrictEqual(again.body, answer.body), `a retry of ${name} was answered otherwise than at first, with ${JSON.stringify(answer.body)}`, again)
    } else if (Math.random() < 0.3) await create('422 idempotency_mismatch', { name: 'Another' })
  }

  async #read (): Promise<void> {
    const article = this.#someArticle
    if (article === undefined) return
    const { tag } = article
    const conditional = tag !== undefined && Math.random() < 0.3
    const answer = await this.#ask({ path: `/articles/${article.id}`, token: this.#someone.token(), headers: conditional ? { 'if-none-match': tag } : {}, due: [conditional ? '304' : '200'] })
    if (answer === undefined || conditional) return
    this.#check(this.#shows(article, answer.body), `article ${article.id} is not as it was acknowledged, ${article.name}`, answer)
    if (tag !== undefined) this.#check(answer.headers.etag === tag, `article ${article.id} has another tag, and has not changed`, answer)
    article.tag = String(answer.headers.etag)
  }

  async #list (): Promise<void> {
    const after = pick([0, ...this.articles.keys()])
    const [limit, order] = [pick([1, 10, 50, 100]), pick(['asc', 'desc'])]
    const answer = await this.#ask({ path: `/articles?limit=${limit}&order=${order}${after > 0 ? `&after=${after}` : ''}`, token: this.#someone.token(), due: ['200'] })
    if (answer === undefined) return
    const shown: { id: number }[] = Array.from(Object(answer.body))
    const sorted = shown.every(({ id }, index) => index === 0 || Math.sign(id - (shown[index - 1]?.id ?? 0)) === (order === 'asc' ? 1 : -1))
    this.#check(sorted && shown.length <= limit, 'the page is not in order, or too long', answer)
    const wrong = shown.find(({ id }) => this.articles.has(id) && !this.#shows(this.articles.get(id) ?? this.#none(), shown.find(article => article.id === id)))
    this.#check(wrong === undefined, `article ${wrong?.id} is not as it was acknowledged`, answer)
  }

  /** A search finds all that the client knows of, and nothing else of its names. */
  async #search (): Promise<void> {
    const found: { id: number, name: string }[] = []
    const token = this.#someone.token()
    let answer: Answer | undefined
    for (let path: string | undefined = `/articles?q=${this.name}-&limit=${pick([25, 100])}`; path !== undefined;) {
      answer = await this.#ask({ path, token, due: ['200'] })
      if (answer === undefined) return
      found.push(...Object(answer.body))
      path = /<([^>]+)>/.exec(String(answer.headers.link))?.[1]
    }
    if (answer === undefined) return
    const sure = found.filter(({ id, name }) => !this.doubtful.ids.has(id) && !this.doubtful.names.has(name))
    const wrong = sure.filter(article => !this.#shows(this.articles.get(article.id) ?? this.#none(), article))
    this.#check(wrong.length === 0, `the search finds what is not so: ${JSON.stringify(wrong[0])}`, answer)
    const missing = [...this.articles.values()].find(({ id }) => !sure.some(article => article.id === id))
    this.#check(missing === undefined, `the search does not find article ${missing?.id}, ${missing?.name}`, answer)
  }

  /** Stands for an article that there is not. */
  #none (): KnownArticle {
    return { id: 0, name: '', author: this.#admin, tag: undefined }
  }

  async #me (): Promise<void> {
    const person = this.#someone
    const answer = await this.#ask({ path: '/me', token: person.token(), due: ['200'] })
    if (answer !== undefined) this.#check(Object(answer.body).id === person.id, `/me of ${person.username} is not user ${person.id}`, answer)
  }

  async #rename (): Promise<void> {
    const article = this.#someArticle
    if (article === undefined || article.author.parted) return
    const { tag } = article
    const name = this.#nextName()
    const stale = tag !== undefined && Math.random() < 0.2
    const headers: Record<string, string> = stale ? { 'if-match': '"stale"' } : tag !== undefined && Math.random() < 0.7 ? { 'if-match': tag } : {}
    const answer = await this.#ask({ method: 'PATCH', path: `/articles/${article.id}`, token: article.author.token(), headers, body: { name }, due: [stale ? '412 precondition_failed' : '200'] })
    if (stale) return
    if (answer === undefined) {
      this.#doubt(article)
      return
    }
    article.name = name
    article.tag = String(answer.headers.etag)
    this.#check(this.#shows(article, answer.body), `article ${article.id} was renamed to ${name}, and is not`, answer)
  }

  async #renameOfOthers (): Promise<void> {
    const article = this.#someArticle
    const person = this.#someone
    if (article === undefined || article.author === person) return
    await this.#ask({ method: pick(['PATCH', 'DELETE']), path: `/articles/${article.id}`, token: person.token(), body: { name: 'Not mine' }, due: ['403 forbidden'] })
  }

  async #remove (): Promise<void> {
    const article = this.#someArticle
    if (article === undefined) return
    const mayRemove = article.author.parted ? this.#admin : article.author
    if (mayRemove.id === 0) await this.#introduce(mayRemove)
    if (mayRemove.id === 0) return
    const answer = await this.#ask({ method: 'DELETE', path: `/articles/${article.id}`, token: mayRemove.token(), due: ['204'] })
    if (answer === undefined) {
      this.#doubt(article)
      return
    }
    this.articles.delete(article.id)
    await this.#ask({ path: `/articles/${article.id}`, token: this.#someone.token(), due: ['404 not_found'] })
  }

  /** Tokens that are no good, of every kind. */
  async #refused (): Promise<void> {
    const person = this.#someone
    const [code, token] = pick([
      () => ['no_auth_token', undefined] as const,
      () => ['invalid_auth_token', person.forgedToken()] as const,
      () => ['invalid_auth_token', person.strayToken()] as const,
      () => ['expired_auth_token', person.expiredToken()] as const,
      () => ['invalid_auth_token', person.goneToken()] as const
    ])()
    if (token === undefined && code !== 'no_auth_token') return
    const path = pick(['/articles', '/me', '/admin/users', '/admin/audit'])
    const answer = await this.#ask({ path, token, withoutStorage: true, due: [`401 ${code}`] })
    if (answer !== undefined) this.#check(answer.headers['www-authenticate'] !== undefined, 'a refusal without a challenge', answer)
  }

  /** Tokens that are good, or were a moment ago, and of no use here. */
  async #barred (): Promise<void> {
    const person = this.#someone
    await this.#ask({ path: pick(['/admin/users', '/admin/audit']), token: person.token(), due: ['403 forbidden'] })
    const signedOut = person.signedOutToken()
    if (signedOut !== undefined) await this.#ask({ path: pick(['/articles', '/me']), token: signedOut, due: ['401 invalid_auth_token'] })
    const withdrawn = person.withdrawnToken()
    if (withdrawn !== undefined) await this.#ask({ path: '/me', token: withdrawn, due: ['200', '401 invalid_auth_token'] })
  }

  async #administer (): Promise<void> {
    const token = this.#admin.token()
    if (Math.random() < 0.5) {
      await this.#ask({ path: pick(['/admin/audit?limit=20', '/admin/users?limit=20&order=desc', `/admin/users?q=${this.name}`]), token, due: ['200'] })
      return
    }
    const username = this.#nextName()
    const body = { username, email: `${username}@example.com` }
    const added = await this.#ask({ method: 'POST', path: '/admin/users', token, body, due: ['201'] })
    if (added === undefined) return
    await this.#ask({ method: 'POST', path: '/admin/users', token: this.#admin.token(), body, due: ['409 conflict'] })
    const path = `/admin/users/${Object(added.body).id}`
    const email = `new-${body.email}`
    const changed = await this.#ask({ method: 'PATCH', path, token: this.#admin.token(), body: { email }, due: ['200'] })
    if (changed === undefined) return
    const read = await this.#ask({ path, token: this.#admin.token(), due: ['200'] })
    if (read !== undefined) this.#check(isDeepStrictEqual(read.body, changed.body) && Object(read.body).email === email, `user ${username} is not as it was changed`, read)
    const removed = await this.#ask({ method: 'DELETE', path, token: this.#admin.token(), due: ['204'] })
    if (removed !== undefined) await this.#ask({ path, token: this.#admin.token(), due: ['404 not_found'] })
  }

  async #disable (): Promise<void> {
    const person = this.#someone
    const set = (disabled: boolean) => this.#ask({ method: 'PATCH', path: `/admin/users/${person.id}`, token: this.#admin.token(), body: { disabled }, due: ['200'] })
    if (await set(true) === undefined) {
      this.#partWith(person)
      return
    }
    for (let n = 0; n < 2; n++) await this.#ask({ path: pick(['/me', '/articles']), token: person.token(), due: ['403 user_disabled'] })
    if (await set(false) === undefined) this.#partWith(person)
    else await this.#me()
  }

  async #signOut (): Promise<void> {
    const person = this.#someone
    const answer = Math.random() < 0.5
      ? await this.#ask({ method: 'POST', path: '/me/sign-out', token: person.token(), due: ['204'] })
      : await this.#ask({ method: 'POST', path: `/admin/users/${person.id}/sign-out`, token: this.#admin.token(), due: ['204'] })
    if (answer === undefined) {
      this.#partWith(person)
      return
    }
    person.signInAgain()
    for (const token of [person.signedOutToken(), person.signedOutToken()]) {
      if (token !== undefined) await this.#ask({ path: '/articles', token, due: ['401 invalid_auth_token'] })
    }
    await this.#ask({ path: '/me', token: person.newToken(), due: ['200'] })
  }

  async #removeUser (): Promise<void> {
    const person = this.#someone
    const answer = await this.#ask({ method: 'DELETE', path: `/admin/users/${person.id}`, token: this.#admin.token(), due: ['204'] })
    this.#partWith(person)
    const articles = [...this.articles.values()].filter(({ author }) => author === person)
    if (answer === undefined) articles.forEach(article => this.#doubt(article))
    else {
      person.removed = true
      for (const article of articles) article.tag = undefined
      await this.#ask({ path: '/me', token: person.newToken('access'), due: ['403 no_such_user'] })
    }
  }

  /** The Post-Confirmation event, once and again, and with a signature that is no good. */
  async #confirm (): Promise<void> {
    const { pool, webhookSecret } = this.#options
    const userName = this.#nextName()
    const body = JSON.stringify({
      triggerSource: 'PostConfirmation_ConfirmSignUp',
      userPoolId: pool.id,
      userName,
      request: { userAttributes: { sub: randomUUID(), email: `${userName}@example.com`, email_verified: 'true' } }
    })
    const now = new Date()
    const signature = new Webhook(webhookSecret).sign(userName, now, body)
    const send = (signature: string, due: string) => this.#ask({
      method: 'POST',
      path: '/cognito/post-confirmation',
      headers: { 'webhook-id': userName, 'webhook-timestamp': `${Math.floor(now.getTime() / 1000)}`, 'webhook-signature': signature },
      body,
      withoutStorage: due.startsWith('401'),
      due: [due]
    })
    await send('v1,bm8gc2lnbmF0dXJl', '401 invalid_auth_token')
    if (await send(signature, '201') !== undefined) await send(signature, '200')
  }

  async #strangers (): Promise<void> {
    const stranger = () => new Person(this.#options.pool, this.#options.circumstances, this.#nextName())
    await this.#ask({ path: '/me', token: stranger().newToken('access'), due: ['403 no_such_user'] })
    await this.#ask({ path: '/me', token: stranger().newToken('id', 3600, { email_verified: false }), due: ['403 email_not_verified'] })
  }

  async #health (): Promise<void> {
    await this.#ask({ path: '/health/live', withoutStorage: true, due: ['200'] })
    await this.#ask({ path: '/health/ready', due: ['200'] })
  }

  async #mistake (): Promise<void> {
    const token = this.#someone.token()
    await this.#ask(pick<Ask>([
      { path: `/${randomUUID()}`, withoutStorage: true, due: ['404 not_found'] },
      { path: '/articles/9007199254740991', token, due: ['404 not_found'] },
      { method: 'PUT', path: '/articles', withoutStorage: true, due: ['405 method_not_allowed'] },
      { path: '/articles?limit=0', token, due: ['400 validation_failed'] },
      { path: '/articles/none', token, due: ['404 not_found'] },
      { method: 'POST', path: '/articles', token, body: '{"name":', due: ['400 malformed_json'] },
      { method: 'POST', path: '/articles', token, body: { name: ' ' }, due: ['400 validation_failed'] },
      { method: 'POST', path: '/articles', token, body: { name: 'x'.repeat(51) }, due: ['400 validation_failed'] },
      { method: 'POST', path: '/articles', token, body: { name: 'Of two', author: 'me' }, due: ['400 validation_failed'] },
      { method: 'POST', path: '/articles', token, body: 'name=x', headers: { 'content-type': 'application/x-www-form-urlencoded' }, due: ['415 unsupported_media_type'] }
    ]))
  }
}

function often<Item> (times: number, item: Item): Item[] {
  return Array.from({ length: times }, () => item)
}
